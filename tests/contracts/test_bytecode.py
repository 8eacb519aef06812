"""Code of a chain against code of a compiler: what may differ, and where they differ when they do."""

import json
from typing import Any

import pytest

from crypto_api.adapters.solidity_compiler import _chosen
from crypto_api.contracts.bytecode import compare_runtime, constructor_arguments, hex_bytes, pushed_selectors, trailer
from crypto_api.contracts.types import Match
from crypto_api.kit.solidity import CompilationFailed, CompiledContract
from tests.factories.contracts import artifacts

HERE = "0x" + "a1" * 20
LIBRARY = "0x" + "b2" * 20


@pytest.fixture
async def made() -> dict[str, CompiledContract]:
    found = await artifacts()
    return {name: _chosen({"Contract.sol": found}, name) for name in ("Vault", "Ledger", "Sums", "Note")}


def on_chain(made: CompiledContract, values: dict[str, bytes] | None = None) -> bytearray:
    """As the chain would hold it: every immutable a number, every library at the same address."""
    code = bytearray(hex_bytes(made.runtime))
    for index, spans in enumerate(made.immutables.values()):
        for start, length in spans:
            code[start : start + length] = (index + 1).to_bytes(length)
    for spans in made.runtime_links.values():
        for start, length in spans:
            code[start : start + length] = bytes.fromhex(LIBRARY[2:])
    return code


async def test_immutables_and_libraries_are_masked_and_told(made: dict[str, CompiledContract]) -> None:
    vault = compare_runtime(bytes(on_chain(made["Vault"])), made["Vault"], HERE)
    assert vault.match is Match.FULL
    assert sorted(vault.immutables.values()) == [f"0x{1:064x}", f"0x{2:064x}"]
    ledger = compare_runtime(bytes(on_chain(made["Ledger"])), made["Ledger"], HERE)
    assert (ledger.match, ledger.libraries) == (Match.FULL, {"Contract.sol:Sums": LIBRARY})


async def test_a_library_knows_its_own_address(made: dict[str, CompiledContract]) -> None:
    code = on_chain(made["Sums"])
    code[1:21] = bytes.fromhex(HERE[2:])
    assert compare_runtime(bytes(code), made["Sums"], HERE).match is Match.FULL
    assert compare_runtime(bytes(code), made["Sums"], LIBRARY).match is None


async def test_an_immutable_has_one_value(made: dict[str, CompiledContract]) -> None:
    code = on_chain(made["Vault"])
    spans = max(made["Vault"].immutables.values(), key=len)
    assert len(spans) > 1
    code[spans[1][0]] ^= 1
    assert compare_runtime(bytes(code), made["Vault"], HERE).match is None


async def test_the_hash_of_the_metadata_alone_makes_a_partial_match(made: dict[str, CompiledContract]) -> None:
    code = on_chain(made["Ledger"])
    map_ = trailer(bytes(code))
    assert map_.startswith(b"\xa2dipfs")
    code[-40] ^= 1  # within the hash
    assert compare_runtime(bytes(code), made["Ledger"], HERE).match is Match.PARTIAL
    longer = bytes(code[: -2 - len(map_)]) + b"\xa1dsolcC\x00\x08\x25" + (10).to_bytes(2)  # hashes switched off
    assert compare_runtime(longer, made["Ledger"], HERE).match is Match.PARTIAL
    without = bytes(code[: -2 - len(map_)])
    assert compare_runtime(without, made["Ledger"], HERE).match is Match.PARTIAL


async def test_any_other_byte_makes_it_another_program_and_tells_where(made: dict[str, CompiledContract]) -> None:
    code = on_chain(made["Ledger"])
    code[100] ^= 0xFF
    found = compare_runtime(bytes(code), made["Ledger"], HERE)
    assert (found.match, found.first_difference) == (None, 100)
    assert found.expected[2:4] == f"{code[100] ^ 0xFF:02x}" and found.found[2:4] == f"{code[100]:02x}"
    shorter = compare_runtime(bytes(code[:50]), made["Ledger"], HERE)
    assert (shorter.match, shorter.first_difference, shorter.found) == (None, 50, "0x")
    assert compare_runtime(b"", made["Ledger"], HERE).match is None


async def test_arguments_stand_behind_the_creation_code(made: dict[str, CompiledContract]) -> None:
    creation = hex_bytes(made["Vault"].creation)
    assert constructor_arguments(creation + b"\x01\x02", made["Vault"]) == b"\x01\x02"
    other_hash = bytearray(creation)
    other_hash[-40] ^= 1
    assert constructor_arguments(bytes(other_hash), made["Vault"]) == b""
    other_hash[10] ^= 1
    assert constructor_arguments(bytes(other_hash), made["Vault"]) is None
    assert constructor_arguments(creation[:-1], made["Vault"]) is None


@pytest.mark.parametrize(
    "tail", [b"", b"\x00", b"\xff\xff", b"\xa2dipfs\x00\x06", b"\xbf\xff\x00\x02", b"\xa1dipfs\x5b\xff\x00\x07", b"\xc1\x00\x00\x02"]
)
def test_what_is_no_map_behind_the_code_is_code(tail: bytes) -> None:
    assert trailer(b"\x60\x80" * 30 + tail) == b""


async def test_selectors_are_read_past_what_is_pushed(made: dict[str, CompiledContract]) -> None:
    code = hex_bytes(made["Ledger"].runtime)
    assert {"0x1003e2d2"} <= pushed_selectors(code)  # add(uint256)
    assert pushed_selectors(bytes.fromhex("7f" + "63aabbccdd" * 6 + "0000" + "63aabbccde")) == {"0xaabbccde"}
    assert pushed_selectors(b"\x63\x01") == {"0x00000001"}


def test_a_contract_is_chosen_by_its_name_and_file() -> None:
    evm: dict[str, Any] = {"bytecode": {"object": "60"}, "deployedBytecode": {"object": "60"}}
    contract = {"abi": [], "evm": evm}
    empty = {"abi": [], "evm": {"bytecode": {"object": ""}, "deployedBytecode": {"object": ""}}}
    files = {"a.sol": {"One": contract, "Face": empty}, "b.sol": {"One": contract}}
    assert _chosen(files, "b.sol:One").path == "b.sol"
    for name, code in (
        ("One", "contract_ambiguous"),
        ("Two", "contract_not_found"),
        ("Face", "contract_not_found"),
        ("c.sol:One", "contract_not_found"),
    ):
        with pytest.raises(CompilationFailed) as caught:
            _chosen(files, name)
        assert caught.value.code == code
    assert json.loads(_chosen(files, "a.sol:One").abi) == []

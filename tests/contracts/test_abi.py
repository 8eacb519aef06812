"""ABIs of strangers are checked before they are believed; what is encoded and decoded is exact, and no answer keeps the decoder busy."""

import json
import time
from typing import Any

import pytest
from eth_abi.abi import encode
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_api.contracts.abi import Abi, call_data, function_named, parse_abi, refusal_text
from crypto_api.kit.abi_values import AbiType, Parameter, Unreadable, decoded
from crypto_api.kit.errors import InvalidInput

LARGEST = 2**256 - 1
TRANSFER = {
    "type": "function",
    "name": "transfer",
    "inputs": [{"name": "to", "type": "address"}, {"name": "amount", "type": "uint256"}],
    "outputs": [{"name": "", "type": "bool"}],
    "stateMutability": "nonpayable",
}
ALICE = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"


def function(*inputs: dict[str, Any], name: str = "f") -> dict[str, Any]:
    return {"type": "function", "name": name, "inputs": list(inputs), "outputs": [], "stateMutability": "view"}


def nested(depth: int) -> dict[str, Any]:
    part: dict[str, Any] = {"name": "x", "type": "uint256"}
    for _ in range(depth):
        part = {"name": "t", "type": "tuple", "components": [part]}
    return part


def wrong_place(rows: Any) -> str:
    with pytest.raises(InvalidInput) as caught:
        parse_abi(rows if isinstance(rows, str) else json.dumps(rows))
    return caught.value.errors[0].field


@pytest.mark.parametrize(
    ("rows", "place"),
    [
        ("{", "abi"),
        ('{"abi": 1}', "abi"),
        ("[1]", "abi.0"),
        ([{"type": "surprise"}], "abi.0"),
        ([function(name="transfer\u202e")], "abi.0.name"),
        ([function(name="<script>")], "abi.0.name"),
        ([function(name="п")], "abi.0.name"),
        ([function({"name": "a\u2066b", "type": "uint256"})], "abi.0.inputs.0.name"),
        ([function({"name": "a", "type": "uint7"})], "abi.0.inputs.0.type"),
        ([function({"name": "a", "type": "uint264"})], "abi.0.inputs.0.type"),
        ([function({"name": "a", "type": "bytes33"})], "abi.0.inputs.0.type"),
        ([function({"name": "a", "type": "fixed128x18"})], "abi.0.inputs.0.type"),
        ([function({"name": "a", "type": "uint256[0]"})], "abi.0.inputs.0.type"),
        ([function({"name": "a", "type": "uint256[1000][1000]"})], "abi.0.inputs.0.type"),
        ([function({"name": "a", "type": "uint256" + "[]" * 7})], "abi.0.inputs.0.type"),
        ([function({"name": "a", "type": "tuple", "components": []})], "abi.0.inputs.0.components"),
        ([function({"name": "a", "type": "tuple[]"})], "abi.0.inputs.0.components"),
        ([function({"name": "a", "type": "uint256", "internalType": "struct \u202eX"})], "abi.0.inputs.0.internalType"),
        ([function(*[{"name": "", "type": "uint256"}] * 65)], "abi.0.inputs"),
        ([function(nested(9))], "abi.0.inputs.0" + ".components.0" * 8),
        ([function()] * 2_001, "abi"),
        ("[" + " " * 500_000 + "]", "abi"),
    ],
)
def test_what_is_wrong_with_an_abi_is_told_by_its_place(rows: Any, place: str) -> None:
    assert wrong_place(rows) == place


def test_a_build_tools_artifact_and_old_abis_are_understood() -> None:
    old = [{"name": "total", "inputs": [], "outputs": [{"name": "", "type": "uint"}], "constant": True}]
    (entry,) = parse_abi(json.dumps({"contractName": "Old", "abi": old})).functions
    assert (entry.signature, entry.mutability, entry.outputs[0].type.canonical) == ("total()", "view", "uint256")


def test_functions_that_a_call_cannot_tell_apart_are_shown() -> None:
    rows = [function({"name": "", "type": "uint256"}, name="burn"), function({"name": "", "type": "bytes32"}, name="collate_propagate_storage")]
    rows[1]["inputs"] = [{"name": "", "type": "bytes16"}]
    assert parse_abi(json.dumps(rows)).clashes() == [("0x42966c68", ["burn(uint256)", "collate_propagate_storage(bytes16)"])]


def test_a_call_is_encoded_exactly_and_each_wrong_argument_named() -> None:
    transfer = function_named(parse_abi(json.dumps([TRANSFER])), "transfer")
    assert call_data(transfer, [ALICE, str(LARGEST)]).hex() == "a9059cbb" + "0" * 24 + ALICE[2:].lower() + "f" * 64
    for arguments, place in (
        ([ALICE], "arguments"),
        (["0x12", "1"], "arguments.0"),
        ([ALICE[:-1] + "9", "1"], "arguments.0"),
        ([ALICE, "-1"], "arguments.1"),
        ([ALICE, str(LARGEST + 1)], "arguments.1"),
        ([ALICE, 1.5], "arguments.1"),
        ([ALICE, True], "arguments.1"),
        ([ALICE, "1e18"], "arguments.1"),
        ([ALICE, {"$ne": None}], "arguments.1"),
    ):
        with pytest.raises(InvalidInput) as caught:
            call_data(transfer, arguments)
        assert caught.value.errors[0].field == place


def test_a_function_that_is_there_twice_is_asked_for_by_its_signature() -> None:
    abi = parse_abi(json.dumps([function({"name": "", "type": "uint256"}), function({"name": "", "type": "address"})]))
    with pytest.raises(InvalidInput, match="not valid") as caught:
        function_named(abi, "f")
    assert "f(address), f(uint256)" in caught.value.errors[0].message
    assert function_named(abi, "f(address)").signature == "f(address)"
    with pytest.raises(InvalidInput):
        function_named(abi, "g")


NUMBERS = st.integers(0, LARGEST)
VALUES = st.tuples(
    NUMBERS,
    st.integers(-(2**127), 2**127 - 1),
    st.booleans(),
    st.binary(min_size=4, max_size=4),
    st.binary(max_size=80),
    st.text(st.characters(codec="utf-8"), max_size=40),
    st.lists(st.tuples(NUMBERS, st.text(st.characters(codec="utf-8"), max_size=5)), max_size=3),
    st.lists(st.lists(st.integers(0, 255), min_size=2, max_size=2), max_size=3),
)
KINDS = "uint256,int128,bool,bytes4,bytes,string,(uint256,string)[],uint8[2][]"


@settings(max_examples=60, deadline=None)
@given(VALUES)
def test_what_the_library_encodes_is_decoded_to_the_same(values: tuple[Any, ...]) -> None:
    rows: list[dict[str, Any]] = [{"name": "", "type": kind} for kind in KINDS.replace("(uint256,string)", "tuple").split(",")]
    rows[6]["components"] = [{"name": "amount", "type": "uint256"}, {"name": "note", "type": "string"}]
    outputs = parse_abi(json.dumps([{"type": "function", "name": "f", "inputs": [], "outputs": rows}])).functions[0].outputs
    kinds = [part.type.canonical for part in outputs]
    found = decoded(outputs, encode(kinds, values))
    number, signed, flag, tag, data, text, orders, grid = values
    assert found == [
        str(number),
        str(signed),
        flag,
        f"0x{tag.hex()}",
        f"0x{data.hex()}",
        text,
        [{"amount": str(amount), "note": note} for amount, note in orders],
        [[str(cell) for cell in row] for row in grid],
    ]


def test_an_answer_that_points_at_itself_ends_quickly() -> None:
    size = 600
    level = (32 * size).to_bytes(32) * size
    bomb = (32).to_bytes(32) + (size.to_bytes(32) + level) * 2 + size.to_bytes(32) + bytes(32 * size)
    started = time.process_time()
    with pytest.raises(Unreadable, match="more than 50,000 values"):
        decoded([Parameter("", AbiType("uint256", (None, None, None)))], bomb)
    assert time.process_time() - started < 1
    with pytest.raises(Unreadable, match="longer than the answer"):
        decoded([Parameter("", AbiType("uint256", (None,)))], (32).to_bytes(32) + LARGEST.to_bytes(32))


@pytest.mark.parametrize(
    ("kind", "word"),
    [("bool", 2), ("address", 2**160), ("uint8", 256), ("int8", 128), ("bytes4", 1)],
)
def test_a_word_that_does_not_fit_its_type_is_no_value(kind: str, word: int) -> None:
    with pytest.raises(Unreadable):
        decoded([Parameter("", AbiType(kind))], word.to_bytes(32))
    with pytest.raises(Unreadable):
        decoded([Parameter("", AbiType(kind))], b"")


def test_a_refusal_is_told_in_words_that_are_inert() -> None:
    said = bytes.fromhex("08c379a0") + encode(["string"], ["no\u202e way\n<b>" + "x" * 400])
    text = refusal_text(said, Abi())
    assert text.startswith("no way <b>x") and len(text) == 300 and text.endswith("…")
    assert refusal_text(bytes.fromhex("4e487b71") + encode(["uint256"], [0x11]), Abi()) == "a number overflowed (Panic 0x11)"
    abi = parse_abi(json.dumps([{"type": "error", "name": "TooSmall", "inputs": [{"name": "given", "type": "uint256"}]}]))
    selector = next(iter(abi.errors))
    assert refusal_text(bytes.fromhex(selector[2:]) + encode(["uint256"], [LARGEST]), abi) == f"TooSmall(given: {LARGEST})"
    assert refusal_text(bytes.fromhex(selector[2:]), abi) == selector
    assert refusal_text(b"", Abi()) == "without a reason"

"""Checks of code: what is found, where, how sure; and what is not found, because nothing runs there."""

from crypto_api.contract_audits.bytecode import ADMIN_SLOT, NOBODY, Look, checks, read_program, selector
from crypto_api.contract_audits.types import Confidence, Found, Severity
from crypto_api.contracts.types import Hop, ProxyKind, ResolutionProblem

ADDRESS, OTHER = "0x5FbDB2315678afecb367f032d93F642f64180aa3", "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
METADATA = bytes.fromhex("a2646970667358221220" + "f4" * 31 + "ff" + "64736f6c634300081e0033")


def dispatcher(*signatures: str, compare: str = "14") -> bytes:
    """`DUP1 PUSH4 selector EQ PUSH2 target JUMPI` for each, as Solidity writes it."""
    return b"".join(bytes.fromhex(f"8063{selector(each)[2:]}{compare}61010057") for each in signatures) + b"\x00"


def found(code: bytes, **more: object) -> dict[str, Found]:
    return {one.check: one for one in checks(Look(code=code, **more))}  # type: ignore[arg-type]


def test_powers_are_found_where_the_code_dispatches_on_them() -> None:
    code = dispatcher("mint(address,uint256)", "pause()", "addBlackList(address)", "setParams(uint256,uint256)", "owner()", "withdrawAll()")
    seen = found(code, owner=OTHER)
    assert set(seen) == {"mint", "pause", "blacklist", "fee-switch", "owner-powers", "withdraw-all"}
    assert {one.confidence for one in seen.values()} == {Confidence.MEDIUM}, "a selector names a function, not what it does"
    (evidence,) = seen["mint"].evidence
    assert (evidence.kind, evidence.value, evidence.means, evidence.offset) == ("selector", "0x40c10f19", "mint(address,uint256)", 1)
    called = seen["owner-powers"].evidence[-1]
    assert (called.kind, called.address, called.means) == ("call", OTHER, "answers a single account")
    assert seen["owner-powers"].severity is Severity.LOW
    assert found(code, owner=NOBODY)["owner-powers"].severity is Severity.INFORMATIONAL
    assert set(found(dispatcher("mint(address,uint256)", compare="18"))) == {"mint"}, "compared by XOR"


def test_what_is_pushed_as_data_or_stands_behind_an_end_is_not_found() -> None:
    mint, suicide, delegate = selector("mint(address,uint256)")[2:], "ff", "f4"
    assert found(bytes.fromhex(f"63{mint}600052")) == {}, "a constant that is compared with nothing"
    assert found(bytes.fromhex("61fff4" + "7f" + "f4" * 31 + "ff" + "00")) == {}, "within what is pushed"
    assert found(b"\x00" + METADATA) == {}, "within the metadata"
    assert found(bytes.fromhex(f"00{suicide}{delegate}")) == {}, "behind an end, and no jump's target"
    assert set(found(bytes.fromhex(f"005b{suicide}"))) == {"selfdestruct"} and set(found(bytes.fromhex(f"005b{delegate}"))) == {"delegatecall"}
    cut = bytes.fromhex("5b63aabb")
    assert read_program(cut).dispatched == {} and found(b"") == {} and found(b"\x7f") == {}


def test_opcodes_are_no_surer_than_they_are() -> None:
    seen = found(bytes.fromhex("5bf45bff"))
    assert (seen["delegatecall"].confidence, seen["selfdestruct"].confidence) == (Confidence.LOW, Confidence.MEDIUM)
    assert [row.offset for row in seen["selfdestruct"].evidence] == [3]


def test_proxies_by_the_standards_are_certain() -> None:
    changing = Hop(address=ADDRESS, kind=ProxyKind.EIP1967, target=OTHER)
    seen = found(b"\x5b\xf4\x00", hops=[changing], slots={ADMIN_SLOT: OTHER})
    assert set(seen) == {"upgradeable-proxy"}, "that a proxy delegates is no finding of its own"
    assert (seen["upgradeable-proxy"].severity, seen["upgradeable-proxy"].confidence) == (Severity.MEDIUM, Confidence.HIGH)
    assert [(row.kind, row.address) for row in seen["upgradeable-proxy"].evidence] == [("pattern", OTHER), ("slot", OTHER)]
    fixed = found(b"\x00", hops=[Hop(address=ADDRESS, kind=ProxyKind.EIP1167, target=OTHER)])
    assert fixed["minimal-proxy"].severity is Severity.INFORMATIONAL
    lost = found(b"", hops=[changing], problem=ResolutionProblem.NO_CODE)
    assert lost["unresolved-proxy"].severity is Severity.HIGH


def test_keys_do_not_move_with_the_code() -> None:
    one, other = found(dispatcher("pause()"))["pause"], found(b"\x5b\x5b" + dispatcher("pause()"))["pause"]
    assert (one.key, one.fingerprint) == (other.key, other.fingerprint) and one.evidence != other.evidence
    more = found(dispatcher("pause()", "unpause()"))["pause"]
    assert more.key == one.key and more.fingerprint != one.fingerprint

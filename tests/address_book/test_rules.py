"""Which address may stand in the book, and whether an entry may be paid."""

from datetime import UTC, datetime, timedelta

import pytest

from crypto_api.address_book.rules import KnownAddresses, checked, hold_of
from crypto_api.address_book.types import Known, PayeeFacts, PayeeHold, PayeeState

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
ADDRESS = "0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045"
TOKEN = "0x5FbDB2315678afecb367f032d93F642f64180aa3"


def warnings(value: str, *known: Known, contract_on: tuple[str, ...] = (), unseen_on: tuple[str, ...] = ()) -> tuple[str, ...]:
    return checked(value, {TOKEN.lower(): "USDC"}, contract_on, unseen_on, KnownAddresses(known)).warnings


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("0x" + "0" * 40, "nobody has a key"),
        ("0x000000000000000000000000000000000000dEaD", "nobody has a key"),
        ("0x0000000000000000000000000000000000000009", "the network itself"),
        (TOKEN, "the token USDC"),
        (TOKEN.lower(), "the token USDC"),
        (ADDRESS.replace("dA", "da", 1), "EIP-55"),
        (ADDRESS[:-1], "40 hexadecimal digits"),
        ("vitalik.eth", "40 hexadecimal digits"),
        ("\N{FULLWIDTH DIGIT ZERO}x" + ADDRESS[2:], "40 hexadecimal digits"),
    ],
)
def test_where_nobody_can_be_paid(value: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        warnings(value)


def test_what_should_be_known_about_an_address() -> None:
    assert warnings(ADDRESS) == ()
    (spelt,) = warnings(ADDRESS.lower())
    assert "EIP-55" in spelt
    (contract, unseen) = warnings(ADDRESS, contract_on=("Base",), unseen_on=("Polygon", "Arbitrum"))
    assert ("a contract at it on Base" in contract, "on Arbitrum, Polygon" in unseen) == (True, True)


def test_an_address_that_only_looks_like_a_known_one() -> None:
    poisoned = ADDRESS[:6] + "0" * 32 + ADDRESS[-4:]
    known = Known(ADDRESS, "your wallet Operations")
    found = checked(poisoned.lower(), {}, (), (), KnownAddresses([Known(TOKEN, "another"), known]))
    assert found.look_alike == known
    assert f"like your wallet Operations, {ADDRESS}, and is another address" in found.warnings[0]
    assert checked(ADDRESS, {}, (), (), KnownAddresses([known])).look_alike is None, "it is that one itself"


UNVERIFIED = PayeeFacts(PayeeState.UNVERIFIED, None, None)
COOLING = PayeeFacts(PayeeState.VERIFIED, None, NOW + timedelta(milliseconds=1))
COOL = PayeeFacts(PayeeState.VERIFIED, None, NOW)
ELSEWHERE = PayeeFacts(PayeeState.VERIFIED, "base", NOW)


@pytest.mark.parametrize(
    ("entries", "hold"),
    [
        ([], PayeeHold.UNVERIFIED),
        ([UNVERIFIED], PayeeHold.UNVERIFIED),
        ([COOLING], PayeeHold.COOLING_OFF),
        ([COOL], None),
        ([UNVERIFIED, COOLING], PayeeHold.COOLING_OFF),
        ([UNVERIFIED, COOLING, COOL], None),
        ([ELSEWHERE], PayeeHold.UNVERIFIED),
        ([PayeeFacts(PayeeState.REJECTED, None, NOW), PayeeFacts(PayeeState.REMOVED, None, NOW)], PayeeHold.UNVERIFIED),
    ],
)
def test_whether_it_may_be_paid(entries: list[PayeeFacts], hold: PayeeHold | None) -> None:
    assert hold_of(entries, "ethereum", NOW) is hold
    assert hold_of(entries, "base", NOW) is (None if ELSEWHERE in entries else hold)

"""What leaves by a bridge, and what is supplied, borrowed and staked: in the books to the last unit, and nothing realised where nothing was sold."""

from decimal import Decimal

from crypto_api.flows.verify_ledger import verify_ledger
from crypto_api.ledger import store as ledger
from crypto_api.protocols.types import Action, ActionKind, Portion
from crypto_api.transactions.documents import Transaction
from crypto_api.transactions.types import Direction
from tests.factories.treasury import address_of
from tests.flows.test_book_transaction import Office, office

__all__ = ["office"]  # a fixture

D, ETHER, CLAIM = Decimal, 10**18, "stETH"


def told(kind: ActionKind, gives: tuple[str | None, int] | None, takes: tuple[str | None, int] | None = None, *, verified: bool = True) -> Action:
    portions = {name: (Portion(contract=one[0], raw_amount=str(one[1])),) for name, one in (("gives", gives), ("takes", takes)) if one}
    return Action(kind=kind, protocol="Its own", verified=verified, contract=address_of("stranger"), evidence=(7,), **portions)


async def balances(office: Office) -> dict[str, Decimal]:
    return {row.account_code: row.debit - row.credit for row in await ledger.trial_balance(office.org_id) if row.debit != row.credit}


async def stands(office: Office, row: Transaction) -> tuple[str, str, list[str]]:
    assert (await verify_ledger(office.runtime.uow, office.org_id, {}, {})).ok
    return row.category, row.category_source, row.evidence


async def test_a_deposit_into_a_bridge_is_on_its_way_at_its_cost(office: Office) -> None:
    await office.booked(office.moved(Direction.IN, "5"))
    out = office.moved(Direction.OUT, "2")
    row, _ = await office.booked(out, actions=[told(ActionKind.BRIDGE_DEPOSIT, (None, 2 * ETHER))])
    assert await stands(office, row) == ("bridge", "fact", ["value", "log:7"])
    assert await balances(office) == {"1100": D(9_000), "1110": D(6_000), "1900": D(-15_000)}, "nothing gained, nothing lost"
    assert (await office.holdings())["main", "ETH"] == (D(3), D(9_000))
    fake, _ = await office.booked(office.moved(Direction.OUT, "1"), actions=[told(ActionKind.BRIDGE_DEPOSIT, (None, ETHER), verified=False)])
    assert fake.category == "unclassified", "anybody can write a contract that says so"
    assert (await balances(office))["1110"] == D(6_000)
    more, _ = await office.booked(office.moved(Direction.OUT, "1"), actions=[told(ActionKind.BRIDGE_DEPOSIT, (None, 2 * ETHER))])
    assert more.category == "unclassified", "it tells of more than left us"


async def test_what_is_borrowed_is_never_income(office: Office) -> None:
    """The chart has no account for the debt that every organisation would agree on: it waits for a person, in suspense."""
    borrowed = office.moved(Direction.IN, "4")
    row, _ = await office.booked(borrowed, actions=[told(ActionKind.BORROW, None, (None, 4 * ETHER))])
    assert (await stands(office, row))[:2] == ("unclassified", "none")
    assert await balances(office) == {"1100": D(12_000), "1900": D(-12_000)}


async def test_what_is_staked_for_as_much_of_a_claim_changes_its_form_at_its_cost(office: Office) -> None:
    await office.booked(office.moved(Direction.IN, "5"))
    claim = office.moved(Direction.IN, "2", CLAIM, key="log:3")
    legs = (office.moved(Direction.OUT, "2"), claim)
    row, _ = await office.booked(*legs, actions=[told(ActionKind.STAKE, (None, 2 * ETHER))])
    assert (await stands(office, row))[:2] == ("wrap", "fact")
    held = await office.holdings()
    assert held["main", "ETH"] == (D(3), D(9_000)) and held["main", CLAIM] == (D(2), D(6_000)), "its cost goes along"
    assert await balances(office) == {"1100": D(15_000), "1900": D(-15_000)}

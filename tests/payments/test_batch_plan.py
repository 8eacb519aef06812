"""Who is paid together and who alone: everybody once, exactly, and never dearer than alone. Against a real node: what it says a plan costs."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_api.payments.batch import BATCH_CONTRACT, batch_call
from crypto_api.payments.batch_plan import (
    AMOUNT_MAX,
    TRANSACTION_GAS_MAX,
    BatchPlan,
    Owed,
    PlannedKind,
    Terms,
    WalletKind,
    batch_plan,
)
from crypto_api.payments.rules import transfer_call
from tests.factories.batches import batch_node, call

TOKEN = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
SINGLE, BATCH, ALLOWANCE = PlannedKind.SINGLE, PlannedKind.BATCH, PlannedKind.ALLOWANCE


def address(number: int) -> str:
    return "0x" + f"{number + 1:040x}"


def people(count: int, *, new: int = 0, amount: int = 10**9) -> list[Owed]:
    """The first `new` of them have never had any."""
    return [Owed(f"slip-{place}", address(place), amount + place, new=place < new) for place in range(count)]


def kinds(plan: BatchPlan) -> list[tuple[PlannedKind, int]]:
    return [(row.kind, len(row.owed)) for row in plan.transactions]


def coin(**fields: object) -> Terms:
    return Terms(**({"kind": WalletKind.CONTRACT, "token": None, "gas_price": 7} | fields))  # type: ignore[arg-type]


def token(**fields: object) -> Terms:
    return coin(**({"token": TOKEN} | fields))


owed_rows = st.lists(
    st.builds(
        Owed,
        key=st.uuids().map(str),
        payee=st.integers(0, 30).map(address),
        raw_amount=st.one_of(st.integers(1, 10**20), st.integers(AMOUNT_MAX - 1, 2**200)),
        new=st.booleans(),
        code_gas=st.sampled_from([0, 0, 0, 7_000, 90_000]),
    ),
    max_size=60,
    unique_by=lambda row: row.key,
)
all_terms = st.builds(
    Terms,
    kind=st.sampled_from(WalletKind),
    token=st.sampled_from([None, TOKEN]),
    gas_price=st.integers(0, 10**12),
    allowance=st.sampled_from([0, 10**21, 2**256 - 1]),
    access_list=st.booleans(),
    gas_max=st.sampled_from([200_000, 500_000, TRANSACTION_GAS_MAX]),
    payees_max=st.sampled_from([1, 7, 500]),
    single_gas=st.sampled_from([None, 30_000, 62_000]),
)


@settings(max_examples=400, deadline=None)
@given(owed_rows, all_terms)
def test_everybody_exactly_once_with_exact_sums_and_never_dearer_than_alone(owed: list[Owed], terms: Terms) -> None:
    plan = batch_plan(owed, terms)
    assert sorted(row.key for each in plan.transactions for row in each.owed) == sorted(row.key for row in owed)
    assert {row.key: row for each in plan.transactions for row in each.owed} == {row.key: row for row in owed}
    paid = [row for row in plan.transactions if row.kind is not ALLOWANCE]
    assert sum(row.raw_amount for row in paid) == sum(row.raw_amount for row in owed)
    assert plan.gas <= plan.separate_gas
    assert plan.cost == plan.gas * terms.gas_price
    for row in plan.transactions:
        assert row.gas <= row.gas_limit <= TRANSACTION_GAS_MAX
        assert row.raw_amount == sum(each.raw_amount for each in row.owed) or row.kind is ALLOWANCE
        if row.kind is BATCH:
            assert row.gas * 120 // 100 <= terms.gas_max
            assert len(row.owed) <= terms.payees_max
            assert max(each.raw_amount for each in row.owed) <= AMOUNT_MAX
    allowances = [row for row in plan.transactions if row.kind is ALLOWANCE]
    pulled = sum(row.raw_amount for row in plan.transactions if row.kind is BATCH)
    if terms.token is None or terms.kind is WalletKind.DELEGATED or pulled <= terms.allowance:
        assert allowances == []
    else:
        assert [row.raw_amount for row in allowances] == [pulled]
        assert plan.transactions[0] is allowances[0]


def test_of_the_coin_new_accounts_are_paid_alone_and_three_others_together() -> None:
    assert kinds(batch_plan(people(10, new=4), coin())) == [(BATCH, 6), *[(SINGLE, 1)] * 4]
    assert kinds(batch_plan(people(2), coin())) == [(BATCH, 2)]  # 41,734 against 42,000
    assert kinds(batch_plan(people(1), coin())) == [(SINGLE, 1)]
    assert kinds(batch_plan(people(5, new=4), coin())) == [(SINGLE, 1)] * 5
    assert kinds(batch_plan([], coin())) == []


def test_of_a_token_new_holders_are_in_the_batch_and_the_allowance_counts() -> None:
    assert kinds(batch_plan(people(10, new=10), token())) == [(ALLOWANCE, 0), (BATCH, 10)]
    assert kinds(batch_plan(people(3), token())) == [(SINGLE, 1)] * 3  # an allowance and a batch take more than three transfers
    assert kinds(batch_plan(people(4), token())) == [(ALLOWANCE, 0), (BATCH, 4)]
    assert kinds(batch_plan(people(3), token(allowance=10**12))) == [(BATCH, 3)]
    assert kinds(batch_plan(people(2), token(kind=WalletKind.DELEGATED))) == [(BATCH, 2)]
    plan = batch_plan(people(10), token(allowance=5))
    assert plan.transactions[0].raw_amount == sum(row.raw_amount for row in people(10)), "exactly what is pulled, whatever there was"


def test_a_thousand_are_split_by_the_gas_of_a_transaction_and_the_most_of_a_batch() -> None:
    assert kinds(batch_plan(people(1_200), coin())) == [(BATCH, 500), (BATCH, 500), (BATCH, 200)]
    assert kinds(batch_plan(people(501), coin())) == [(BATCH, 500), (SINGLE, 1)]
    many = batch_plan(people(1_200, new=1_200), token(payees_max=2_000))
    assert kinds(many) == [(ALLOWANCE, 0), (BATCH, 542), (BATCH, 542), (BATCH, 116)]
    assert max(row.gas_limit for row in many.transactions) <= TRANSACTION_GAS_MAX


def test_what_is_wrong_is_not_planned() -> None:
    for wrong in (0, -1):
        with pytest.raises(ValueError, match="above zero"):
            batch_plan([Owed("a", address(1), wrong)], coin())
    with pytest.raises(ValueError, match="twice"):
        batch_plan([Owed("a", address(1), 5), Owed("a", address(2), 5)], coin())
    with pytest.raises(ValueError, match="more gas"):
        batch_plan([Owed("a", address(1), 5, code_gas=TRANSACTION_GAS_MAX)], coin())


@pytest.mark.parametrize("of_token", [False, True])
async def test_a_plan_costs_what_it_says(tmp_path: Path, of_token: bool) -> None:
    """Within 3 % on a real node, each transaction for itself, and 100 of 130 payees exist."""
    async with batch_node(tmp_path) as node:
        asset = await node.deploy("Plain") if of_token else None
        rows = [Owed(str(place), "0x" + f"{(place + 1) * 7**60 % 2**160:040x}", 10**17 + place, new=place >= 100) for place in range(130)]
        if asset is not None:
            await node.send(call(asset, "mint(address,uint256)", node.account, 10**30))
            await node.send(call(asset, "approve(address,uint256)", BATCH_CONTRACT, 10**30))
        await node.send(batch_call([row.share for row in rows[:100]], asset))
        if asset is not None:
            await node.send(call(asset, "approve(address,uint256)", BATCH_CONTRACT, 0))
        plan = batch_plan(rows, Terms(WalletKind.CONTRACT, asset, 1))
        assert kinds(plan) == ([(ALLOWANCE, 0), (BATCH, 130)] if of_token else [(BATCH, 100), *[(SINGLE, 1)] * 30])
        before = await node.balances([row.payee for row in rows], asset)
        for planned in plan.transactions:
            if planned.kind is ALLOWANCE:
                assert asset is not None
                made = call(asset, "approve(address,uint256)", BATCH_CONTRACT, planned.raw_amount)
            elif planned.kind is BATCH:
                made = batch_call([row.share for row in planned.owed], asset)
            else:
                made = transfer_call(planned.owed[0].payee, planned.owed[0].raw_amount, asset)
            receipt = await node.send(made, gas=hex(planned.gas_limit))
            assert int(receipt["gasUsed"], 16) == pytest.approx(planned.gas, rel=0.03)
        after = await node.balances([row.payee for row in rows], asset)
        assert [new - old for new, old in zip(after, before, strict=True)] == [row.raw_amount for row in rows]

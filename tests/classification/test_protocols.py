"""A protocol's word is certain only where the organisation's own movements say the same."""

from typing import Any

import pytest

from crypto_api.classification.rules import decide
from crypto_api.classification.types import Category, DecisionSource
from crypto_api.protocols.types import Action, ActionKind, Portion
from tests.classification.test_rules import GAS, STRANGER, WETH, facts, leg

USDC, LURE = "0x" + "A1" * 20, "0x" + "B1" * 20
ETHER = 10**18


def usdc(direction: str, units: int, **changes: Any) -> Any:
    values = {"asset": "USDC", "symbol": "USDC", "contract": USDC, "raw": units * 10**6, "decimals": 6, "kind": "erc20", "key": "log:1"}
    return leg(direction, amount=str(units), **{**values, **changes})


def ether(direction: str, units: int, **changes: Any) -> Any:
    return leg(direction, amount=str(units), **{"raw": units * ETHER, "decimals": 18, **changes})


def swap(given: tuple[str | None, int] = (USDC, 2000 * 10**6), taken: tuple[str | None, int] = (WETH, ETHER), **changes: Any) -> Action:
    values: dict[str, Any] = {"kind": ActionKind.SWAP, "protocol": "Uniswap v3", "verified": True, "contract": STRANGER, "evidence": (5,)}
    portions = {"gives": (Portion(contract=given[0], raw_amount=str(given[1])),), "takes": (Portion(contract=taken[0], raw_amount=str(taken[1])),)}
    return Action(**{**values, **portions, **changes})


def judged(*legs: Any, actions: tuple[Action, ...]) -> Any:
    return decide(facts(*legs, GAS, sender_is_own=True, actions=actions))


def test_both_legs_agree() -> None:
    decision = judged(usdc("out", 2000), ether("in", 1), actions=(swap(),))
    assert (decision.category, decision.source, decision.counterparty) == (Category.SWAP, DecisionSource.FACT, "Uniswap v3")
    assert decision.explanation == "2000 USDC became 1 ETH on Uniswap v3."
    assert decision.evidence == ["log:1", "value", "log:5"]


def test_what_is_given_back_and_what_a_router_keeps_do_not_disagree() -> None:
    back = usdc("in", 500, key="log:9")
    assert judged(usdc("out", 2500), back, ether("in", 1), actions=(swap(),)).explanation.startswith("2000 USDC became 1 ETH")
    dearer = judged(usdc("out", 2010), ether("in", 1), actions=(swap(),))
    assert (dearer.category, dearer.explanation) == (Category.SWAP, "2010 USDC became 1 ETH on Uniswap v3.")


@pytest.mark.parametrize(
    ("legs", "action", "why"),
    [
        ([usdc("out", 1999), ether("in", 1)], swap(), "less went out than into the pool"),
        ([usdc("out", 2000), ether("in", 2)], swap(), "more came in than out of the pool"),
        ([usdc("out", 2000)], swap(), "nothing came in"),
        ([ether("in", 1)], swap(), "nothing went out"),
        ([usdc("in", 2000), ether("out", 1)], swap(), "the other way round"),
        ([usdc("out", 2000), leg("in", asset="DAI", contract=LURE, raw=ETHER, decimals=18)], swap(), "another asset"),
        ([usdc("out", 2000), ether("in", 1), leg("in", asset="X", contract=LURE, raw=5, decimals=18, key="log:8")], swap(), "a third asset"),
        ([usdc("out", 2000), ether("in", 1)], swap(gives=(), takes=()), "the pool does not tell of what"),
        ([usdc("out", 2000), ether("internal", 1)], swap(), "it came from ourselves"),
        ([usdc("out", 2000), leg("in", asset="x:1", contract=LURE, raw=5, decimals=18)], swap(taken=(LURE, 5), verified=False), "a lure"),
    ],
)
def test_where_they_do_not_nothing_is_certain(legs: list[Any], action: Action, why: str) -> None:
    decision = judged(*legs, actions=(action,))
    assert (decision.category, decision.source) == (Category.UNCLASSIFIED, DecisionSource.NONE), why


def test_an_unlisted_asset_from_a_verified_pool_was_bought() -> None:
    bought = leg("in", asset="eip155:1/erc20:0x", symbol="NEW\u202e", contract=LURE, raw=5 * ETHER, decimals=18)
    decision = judged(usdc("out", 2000), bought, actions=(swap(taken=(LURE, 5 * ETHER)),))
    assert (decision.category, decision.explanation) == (Category.SWAP, "2000 USDC became 5 NEW on Uniswap v3.")


def test_what_is_spam_beside_it_does_not_count() -> None:
    bait = leg("in", asset="eip155:1/erc20:0x", contract=LURE, raw=1, decimals=0, spam_reason="Bait.", key="log:7")
    assert judged(usdc("out", 2000), ether("in", 1), bait, actions=(swap(),)).category is Category.SWAP


def told(kind: ActionKind, given: tuple[str | None, int] | None = None, taken: tuple[str | None, int] | None = None, **changes: Any) -> Action:
    sides = {
        name: () if side is None else (Portion(contract=side[0], raw_amount=str(side[1])),) for name, side in (("gives", given), ("takes", taken))
    }
    return swap(**{"kind": kind, "protocol": "Across", **sides, **changes})


A_USDC = {"asset": "eip155:1/erc20:0xa", "symbol": "aUSDC", "contract": LURE, "key": "log:2"}


@pytest.mark.parametrize(
    ("legs", "action", "category", "words"),
    [
        ([usdc("out", 10)], told(ActionKind.BRIDGE_DEPOSIT, (USDC, 10 * 10**6)), "bridge", "10 USDC left by the Across"),
        ([ether("out", 2)], told(ActionKind.BRIDGE_DEPOSIT, (None, ETHER)), "bridge", "2 ETH left by the Across"),
        ([usdc("in", 10)], told(ActionKind.BRIDGE_ARRIVAL, None, (USDC, 10 * 10**6)), "bridge", "10 USDC arrived by the Across"),
        ([usdc("in", 10)], told(ActionKind.CLAIM, None, (USDC, 10 * 10**6)), "reward", "10 USDC was claimed as a reward"),
        ([usdc("out", 10), usdc("in", 10, **A_USDC)], told(ActionKind.SUPPLY, (USDC, 10 * 10**6)), "wrap", "10 USDC was supplied to Across"),
        ([usdc("in", 10), usdc("out", 10, **A_USDC)], told(ActionKind.WITHDRAW, None, (USDC, 10 * 10**6)), "wrap", "10 USDC was withdrawn from"),
    ],
)
def test_what_a_protocol_of_its_own_tells(legs: list[Any], action: Action, category: str, words: str) -> None:
    decision = judged(*legs, actions=(action,))
    assert (decision.category, decision.source) == (category, DecisionSource.FACT)
    assert decision.explanation.startswith(words)
    unverified = action.model_copy(update={"verified": False})
    assert judged(*legs, actions=(unverified,)).category is Category.UNCLASSIFIED, "anybody can say so"


@pytest.mark.parametrize(
    ("legs", "action", "why"),
    [
        ([usdc("out", 9)], told(ActionKind.BRIDGE_DEPOSIT, (USDC, 10 * 10**6)), "less left than was deposited"),
        ([usdc("out", 10)], told(ActionKind.BRIDGE_DEPOSIT), "of what is not told"),
        ([usdc("in", 11)], told(ActionKind.CLAIM, None, (USDC, 10 * 10**6)), "more came than was claimed"),
        ([usdc("out", 10), ether("in", 1)], told(ActionKind.BRIDGE_DEPOSIT, (USDC, 10 * 10**6)), "something came back"),
        ([usdc("out", 10), usdc("in", 11, **A_USDC)], told(ActionKind.SUPPLY, (USDC, 10 * 10**6)), "the claim is on something more"),
        ([usdc("in", 10)], told(ActionKind.BORROW, None, (USDC, 10 * 10**6)), "a debt is for a person to book"),
        ([usdc("out", 10)], told(ActionKind.REPAY, (USDC, 10 * 10**6)), "so is what is paid back"),
    ],
)
def test_what_stays_for_a_person(legs: list[Any], action: Action, why: str) -> None:
    assert judged(*legs, actions=(action,)).category is Category.UNCLASSIFIED, why

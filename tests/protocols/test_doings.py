"""What was done by us and what on the way by others: a Safe's calls, a solver's batch, a vault's own supply, a debt that is called a supply."""

import pytest
from eth_abi.abi import encode

from crypto_api.kit.ethereum import ZERO_ADDRESS, WireLog, checksummed
from crypto_api.protocols.bridges import _BY_TOPIC as BRIDGE_EVENTS
from crypto_api.protocols.exchanges import _COW, COW_SETTLEMENT
from crypto_api.protocols.lending import _COMET_SUPPLY, _COMET_WITHDRAW, _SUPPLY, _WITHDRAW
from crypto_api.protocols.payouts import _APPROVAL, DISPERSE
from crypto_api.protocols.reading import actions_of
from crypto_api.protocols.safes import _BY_MODULE, _EXECUTE, _FAILURE, _MULTI_SEND, _SUCCESS, Call, calls_of
from crypto_api.protocols.signatures import Function
from crypto_api.protocols.types import Action, ActionKind
from tests.protocols.making import ROUTER, STRANGER, USDC, USER, WETH, glance, told, transfer
from tests.protocols.test_pools import PAIR, legs, v2_swap

SAFE, MULTI_SEND = "0x" + "5a" * 20, "0x40a2accbd92bca938b02010e17a5b8929b49130d"
POOL, COMET = "0x87870bca3f3fd6335c3f4ce8392d69350b4fa4e2", "0xc3d688b66703497daa19211eedff47f25384cdc3"
ONE_INCH = "0x111111125421ca6dc452d289314280a0f8842a65"
APPROVE = Function("approve(address spender, uint256 value)").selector + encode(["address", "uint256"], [ONE_INCH, 2000]).hex()
PAY = Function("disperseEther(address[] recipients, uint256[] values)").selector + encode(["address[]", "uint256[]"], [[USER, ROUTER], [3, 4]]).hex()


def executed(to: str, data: str, operation: int = 0, value: int = 0) -> str:
    kinds = ["address", "uint256", "bytes", "uint8", "uint256", "uint256", "uint256", "address", "address", "bytes"]
    return _EXECUTE.selector + encode(kinds, [to, value, bytes.fromhex(data[2:]), operation, 0, 0, 0, ZERO_ADDRESS, ZERO_ADDRESS, b""]).hex()


def bundled(*calls: Call) -> str:
    packed = b"".join(
        bytes([call.delegated]) + bytes.fromhex(call.to[2:]) + call.value.to_bytes(32) + (len(call.input) // 2 - 1).to_bytes(32)
        + bytes.fromhex(call.input[2:])
        for call in calls
    )  # fmt: skip
    return executed(MULTI_SEND, _MULTI_SEND.selector + encode(["bytes"], [packed]).hex(), 1)


def done(at: int = 9, paid: int = 0) -> WireLog:
    return told(at, SAFE, _SUCCESS, b"\1" * 32, paid)


def of_safe(*logs: WireLog, call: str, own: bool = True, **changes: object) -> list[Action]:
    return actions_of(glance(*logs, recipient=SAFE, call=call, own=frozenset({SAFE} if own else {USER}), **changes))[0]  # type: ignore[arg-type]


CALLS = (Call(USDC, 0, APPROVE, False), Call(ONE_INCH, 0, "0x12345678", False))
ALLOWED = told(0, USDC, _APPROVAL, SAFE, ONE_INCH, 2000)
SPENT = told(1, USDC, _APPROVAL, SAFE, ONE_INCH, 0)  # what is left of it after the transfer, as some tokens tell
NET = {USDC: -2000, WETH: 7}


def test_a_bundle_is_unpacked() -> None:
    assert calls_of(bundled(*CALLS)) == list(CALLS)
    assert calls_of(bundled(Call(USER, 5, "0x", False))) == [Call(USER, 5, "0x", False)]
    foreign = executed(STRANGER, _MULTI_SEND.selector + encode(["bytes"], [b""]).hex(), 1)
    assert [(one.to, one.delegated) for one in calls_of(foreign)] == [(STRANGER, True)], "anybody's code under the same name"
    cut = executed(MULTI_SEND, _MULTI_SEND.selector + encode(["bytes"], [b"\0" * 84]).hex(), 1)
    assert [(one.to, one.delegated) for one in calls_of(cut)] == [(MULTI_SEND, True)], "not a bundle to the last byte"
    assert calls_of("0x") == calls_of(bundled(*CALLS)[:-2]) == []


def test_a_swap_by_a_safe_is_one_thing_with_two_legs() -> None:
    swap, allowed, safe = of_safe(ALLOWED, SPENT, done(), call=bundled(*CALLS), net=NET)
    assert (swap.kind, swap.protocol, swap.account, swap.verified) == (ActionKind.SWAP, "1inch", checksummed(SAFE), True)
    assert legs(swap) == ([(checksummed(USDC), "2000")], [(None, "7")])
    assert (allowed.kind, legs(allowed)) == (ActionKind.APPROVAL, ([(checksummed(USDC), "2000")], []))
    assert safe.note.startswith("It made 2 calls: it called method 0x095ea7b3 of ")


@pytest.mark.parametrize(
    ("logs", "call", "changes", "why"),
    [
        ([done()], bundled(*CALLS), {"own": False}, "somebody else's Safe may only say that it did"),
        ([told(9, SAFE, _FAILURE, b"\1" * 32, 0)], bundled(*CALLS), {}, "it failed inside"),
        ([], bundled(*CALLS), {}, "it does not say that it did"),
        ([done(8), done(9)], bundled(*CALLS), {}, "twice, of which one is another's"),
        ([done(paid=5)], bundled(*CALLS), {}, "gas was paid back out of the Safe: what moved is not all the swap's"),
        ([done()], bundled(*CALLS), {"value": 5}, "coin came in with it"),
        ([done()], bundled(*CALLS, Call(USER, 5, "0x", False)), {}, "another call moved something as well"),
        ([done()], bundled(*CALLS, Call(STRANGER, 0, "0x", True)), {}, "foreign code ran in its name"),
    ],
)
def test_where_it_is_not_certain_what_moved_no_swap_is_told(logs: list[WireLog], call: str, changes: dict[str, object], why: str) -> None:
    assert ActionKind.SWAP not in {action.kind for action in of_safe(*logs, call=call, net=NET, **changes)}, why  # type: ignore[arg-type]


def test_payments_to_many_out_of_a_safe() -> None:
    twice = of_safe(done(), call=bundled(*2 * (Call(DISPERSE, 7, PAY, False),)))
    paid = [action for action in twice if action.kind is ActionKind.DISPERSE]
    assert [(legs(one), one.account, one.verified) for one in paid] == 2 * [(([(None, "7")], []), checksummed(SAFE), True)], (
        "both, though they are alike"
    )
    assert not [one for one in of_safe(done(), call=executed(DISPERSE, PAY, value=7), own=False) if one.kind is ActionKind.DISPERSE]
    (module,) = of_safe(told(3, SAFE, _BY_MODULE, STRANGER), call="0x")
    assert module.note == f"By the module {checksummed(STRANGER)}."


def test_a_batch_is_told_to_those_whose_orders_it_settles() -> None:
    order = told(5, COW_SETTLEMENT, _COW, USER, USDC, WETH, 2000, 7, 1, b"\0" * 56)
    (mine,) = actions_of(glance(*v2_swap(), order, sender=STRANGER))[0]
    assert (mine.protocol, mine.account, legs(mine)) == ("CoW", checksummed(USER), ([(checksummed(USDC), "2000")], [(checksummed(WETH), "7")]))
    assert actions_of(glance(*v2_swap(), order, sender=STRANGER, own=frozenset({ROUTER})))[0] == [], "the solver's pools are not our doing"
    fake = told(5, STRANGER, _COW, USER, USDC, WETH, 2000, 7, 1, b"\0" * 56)
    assert [one.protocol for one in actions_of(glance(*v2_swap(), fake))[0]] == ["Uniswap v2"], "anybody can write the event"


@pytest.mark.parametrize(
    ("event", "claim", "kind", "note"),
    [
        (_COMET_SUPPLY, 99, ActionKind.SUPPLY, ""),
        (_COMET_SUPPLY, None, ActionKind.REPAY, ""),
        (_COMET_SUPPLY, 40, ActionKind.SUPPLY, "40 base units of it; the rest paid back a debt."),
        (_COMET_WITHDRAW, 100, ActionKind.WITHDRAW, ""),
        (_COMET_WITHDRAW, None, ActionKind.BORROW, ""),
        (_COMET_WITHDRAW, 40, ActionKind.WITHDRAW, "40 base units of it; the rest was borrowed."),
    ],
)
def test_a_debt_that_compound_calls_a_supply_is_a_debt(event: object, claim: int | None, kind: ActionKind, note: str) -> None:
    into = event is _COMET_SUPPLY
    moved = transfer(0, USDC, USER, COMET, 100) if into else transfer(0, USDC, COMET, USER, 100)
    rows = [moved, told(1, COMET, event, USER, USER, 100)]  # type: ignore[arg-type]
    if claim is not None:
        rows.append(transfer(2, COMET, ZERO_ADDRESS if into else USER, USER if into else ZERO_ADDRESS, claim))
    (action,) = actions_of(glance(*rows))[0]
    expected = [(checksummed(USDC), "100")]
    assert (action.kind, action.note, legs(action)) == (kind, note, (expected, []) if into else ([], expected))


def test_what_a_vault_supplies_is_its_own() -> None:
    vault = told(1, POOL, _SUPPLY, WETH, STRANGER, STRANGER, 7, 0)
    assert actions_of(glance(transfer(0, WETH, USER, STRANGER, 7), vault))[0] == []
    gateway = told(1, POOL, _WITHDRAW, WETH, STRANGER, STRANGER, 7)
    assert actions_of(glance(gateway))[0] == []
    (taken,) = actions_of(glance(transfer(0, PAIR, USER, STRANGER, 7), gateway))[0]
    assert (taken.kind, legs(taken)) == (ActionKind.WITHDRAW, ([], [(checksummed(WETH), "7")])), "it was given as much of the claim"


def test_a_way_that_a_bridge_tells_twice_is_one() -> None:
    bridge, coin = "0x4200000000000000000000000000000000000010", "0xdeaddeaddeaddeaddeaddeaddeaddeaddead0000"
    by_name = {known.event.name: known.event for known in BRIDGE_EVENTS.values()}
    old = told(0, bridge, by_name["WithdrawalInitiated"], ZERO_ADDRESS, coin, USER, USER, 5, b"")
    new = told(1, bridge, by_name["ETHBridgeInitiated"], USER, USER, 5, b"")
    again = told(2, bridge, by_name["ETHBridgeInitiated"], USER, USER, 5, b"")
    for logs, count in (([old, new], 1), ([new], 1), ([old, new, again], 2)):
        found = actions_of(glance(*logs, chain_id=8453))[0]
        assert [(one.kind, legs(one)) for one in found] == count * [(ActionKind.BRIDGE_DEPOSIT, ([(None, "5")], []))]

"""Markets of loans: Aave v2 and v3 with what was built after them, Compound v3. What is supplied stays the supplier's; what is borrowed is a debt."""

from collections.abc import Iterator, Mapping

from crypto_api.kit.ethereum import TRANSFER_TOPIC, ZERO_ADDRESS, WireLog, address_of_topic, checksummed
from crypto_api.protocols.glance import Glance
from crypto_api.protocols.signatures import Event
from crypto_api.protocols.types import Action, ActionKind, Portion

_SUPPLY = Event("Supply(address indexed reserve, address user, address indexed onBehalfOf, uint256 amount, uint16 indexed referralCode)")
_DEPOSIT = Event("Deposit(address indexed reserve, address user, address indexed onBehalfOf, uint256 amount, uint16 indexed referral)")
_WITHDRAW = Event("Withdraw(address indexed reserve, address indexed user, address indexed to, uint256 amount)")
_BORROW_V3 = Event(
    "Borrow(address indexed reserve, address user, address indexed onBehalfOf, uint256 amount, uint8 interestRateMode, uint256 borrowRate, "
    "uint16 indexed referralCode)"
)
_BORROW_V2 = Event(
    "Borrow(address indexed reserve, address user, address indexed onBehalfOf, uint256 amount, uint256 borrowRateMode, uint256 borrowRate, "
    "uint16 indexed referral)"
)
_REPAY_V3 = Event("Repay(address indexed reserve, address indexed user, address indexed repayer, uint256 amount, bool useATokens)")
_REPAY_V2 = Event("Repay(address indexed reserve, address indexed user, address indexed repayer, uint256 amount)")
_COMET_SUPPLY = Event("Supply(address indexed from, address indexed dst, uint256 amount)")
_COMET_WITHDRAW = Event("Withdraw(address indexed src, address indexed to, uint256 amount)")
_COMET_SUPPLY_COLLATERAL = Event("SupplyCollateral(address indexed from, address indexed dst, address indexed asset, uint256 amount)")
_COMET_WITHDRAW_COLLATERAL = Event("WithdrawCollateral(address indexed src, address indexed to, address indexed asset, uint256 amount)")

# event → (what it is, places of reserve, of for whom, of where it goes to, of the amount)
_AAVE: Mapping[str, tuple[Event, ActionKind, int, int, int, int]] = {
    event.topic: (event, kind, 0, account, to, 3)
    for event, kind, account, to in (
        (_SUPPLY, ActionKind.SUPPLY, 2, 2),
        (_DEPOSIT, ActionKind.SUPPLY, 2, 2),
        (_WITHDRAW, ActionKind.WITHDRAW, 1, 2),
        (_BORROW_V3, ActionKind.BORROW, 2, 1),
        (_BORROW_V2, ActionKind.BORROW, 2, 1),
        (_REPAY_V3, ActionKind.REPAY, 1, 1),
        (_REPAY_V2, ActionKind.REPAY, 1, 1),
    )
}
_COMET = {
    _COMET_SUPPLY.topic: (_COMET_SUPPLY, ActionKind.SUPPLY),
    _COMET_WITHDRAW.topic: (_COMET_WITHDRAW, ActionKind.WITHDRAW),
    _COMET_SUPPLY_COLLATERAL.topic: (_COMET_SUPPLY_COLLATERAL, ActionKind.SUPPLY),
    _COMET_WITHDRAW_COLLATERAL.topic: (_COMET_WITHDRAW_COLLATERAL, ActionKind.WITHDRAW),
}
TOPICS = frozenset({*_AAVE, *_COMET})

_V3_ELSEWHERE = "0x794a61358d6845594f94dc1db02a252b5b4814ad"
POOLS: Mapping[tuple[int, str], str] = {
    (1, "0x87870bca3f3fd6335c3f4ce8392d69350b4fa4e2"): "Aave v3",
    (10, _V3_ELSEWHERE): "Aave v3",
    (137, _V3_ELSEWHERE): "Aave v3",
    (42161, _V3_ELSEWHERE): "Aave v3",
    (8453, "0xa238dd80c259a72e81d7e4664a9801593f98d1c5"): "Aave v3",
    (100, "0xb50201558b00496a145fe76f7424749556e326d8"): "Aave v3",
    (534352, "0x11fcfe756c05ad438e312a7fd934381537d3cffe"): "Aave v3",
    (1, "0x7d2768de32b0b80b7a3454c06bdac94a69ddc7a9"): "Aave v2",
    (137, "0x8dff5e27ea6b7ac08ebfdf9eb090f32ee9a30fcf"): "Aave v2",
    (1, "0xc13e21b648a5ee794902342038ff3adab66be987"): "Spark",
    (100, "0x2dae5307c5e3fd1cf5a72cb6f698f915860607e0"): "Spark",
    (1, "0xc3d688b66703497daa19211eedff47f25384cdc3"): "Compound v3",
    (137, "0xf25212e676d1f7f89cd72ffee66158f541246445"): "Compound v3",
    (8453, "0xb125e6687d4313864e53df431d5425969c15eb2f"): "Compound v3",
}
_PAYS = frozenset({ActionKind.SUPPLY, ActionKind.REPAY})


def actions(glance: Glance) -> Iterator[Action]:
    for topic in TOPICS & glance.by_topic.keys():
        for row in glance.by_topic[topic]:
            found = _aave(glance, row) if topic in _AAVE else _comet(glance, row)
            if found is not None and _is_ours(glance, found):
                yield found


def _is_ours(glance: Glance, action: Action) -> bool:
    """A vault that supplies what it was given supplies for itself. A gateway for the coin withdraws for whoever gave it as much of the claim."""
    account, recipient = (action.account or "").lower(), (action.recipient or "").lower()
    if account in glance.about or recipient in glance.about:
        return True
    raw = {int(part.raw_amount or 0) for part in action.takes}
    given = (row for row in glance.by_party.get(account, ()) if row.recipient == account and row.sender in glance.about and row.contract != account)
    return action.kind is ActionKind.WITHDRAW and any(row.raw in raw for row in given)


def _aave(glance: Glance, row: WireLog) -> Action | None:
    event, kind, reserve, account, to, amount = _AAVE[row.topics[0]]
    if (told := event.read(row)) is None:
        return None
    note = "Paid with what was supplied." if event is _REPAY_V3 and told[4] else ""
    return _action(glance, row, kind, "Aave", told[reserve], told[amount], told[account], told[to], note)


def _comet(glance: Glance, row: WireLog) -> Action | None:
    """Of the market's own asset only the amount is told: which it is, the transfer of exactly that amount says."""
    event, kind = _COMET[row.topics[0]]
    if (told := event.read(row)) is None:
        return None
    raw, into = told[-1], kind is ActionKind.SUPPLY
    account, to = told[1] if into else told[0], told[1]
    if len(told) == 4:
        return _action(glance, row, kind, "Compound v3", told[2], raw, account, to, "")
    kind, note = _by_claim(kind, raw, _claim(glance, row, account, into=into))
    return _action(glance, row, kind, "Compound v3", _moved(glance, row.address, raw, into=into), raw, account, to, note)


def _claim(glance: Glance, row: WireLog, account: str, *, into: bool) -> int:
    """How much of the claim on the market came to be, or was given up, by it: the market's very next log, which it leaves out where there is none."""
    after = next((one for one in glance.by_topic.get(TRANSFER_TOPIC, ()) if one.log_index == row.log_index + 1), None)
    if after is None or after.address != row.address or len(after.topics) != 3 or len(after.data) != 66:
        return 0
    parties = tuple(map(address_of_topic, after.topics[1:]))
    return int(after.data, 16) if parties == ((ZERO_ADDRESS, account) if into else (account, ZERO_ADDRESS)) else 0


_ROUNDING = 10
"""In base units: a claim is counted in shares of the market."""


def _by_claim(kind: ActionKind, raw: int, claim: int) -> tuple[ActionKind, str]:
    """Compound v3 says `Supply` also where a debt is paid back by it, `Withdraw` also where it is borrowed (Comet, supplyBase and withdrawBase)."""
    into = kind is ActionKind.SUPPLY
    if not claim:
        return ActionKind.REPAY if into else ActionKind.BORROW, ""
    if abs(raw - claim) <= _ROUNDING:
        return kind, ""
    return kind, f"{claim} base units of it; the rest {'paid back a debt' if into else 'was borrowed'}."


def _moved(glance: Glance, pool: str, raw: int, *, into: bool) -> str:
    found = {row.contract for row in glance.by_party.get(pool, ()) if row.raw == raw and (row.recipient if into else row.sender) == pool}
    found -= {pool}
    return next(iter(found)) if len(found) == 1 else ""


def _action(glance: Glance, row: WireLog, kind: ActionKind, family: str, asset: str, raw: int, account: str, to: str, note: str) -> Action:
    name = POOLS.get((glance.chain_id, row.address))
    portion = (Portion(contract=checksummed(asset), raw_amount=str(raw)),) if asset else ()
    return Action(
        kind=kind,
        protocol=name or f"shaped like {family}",
        verified=name is not None,
        contract=checksummed(row.address),
        account=checksummed(account),
        recipient=checksummed(to) if to != account else None,
        gives=portion if kind in _PAYS else (),
        takes=() if kind in _PAYS else portion,
        evidence=(row.log_index,),
        note=note if asset else "Which asset it was is not told by its logs.",
    )

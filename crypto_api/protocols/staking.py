"""Lido's stakes, its wrapped form and its queue; deposits of validators."""

from collections.abc import Iterator

from crypto_api.kit.ethereum import ZERO_ADDRESS, WireLog, checksummed
from crypto_api.protocols.glance import Glance
from crypto_api.protocols.signatures import Event
from crypto_api.protocols.types import Action, ActionKind, Portion

SUBMITTED = Event("Submitted(address indexed sender, uint256 amount, address referral)")
REQUESTED = Event(
    "WithdrawalRequested(uint256 indexed requestId, address indexed requestor, address indexed owner, uint256 amountOfStETH, uint256 amountOfShares)"
)
CLAIMED = Event("WithdrawalClaimed(uint256 indexed requestId, address indexed owner, address indexed receiver, uint256 amountOfETH)")
VALIDATOR = Event("DepositEvent(bytes pubkey, bytes withdrawal_credentials, bytes amount, bytes signature, bytes index)")
TOPICS = frozenset({SUBMITTED.topic, REQUESTED.topic, CLAIMED.topic, VALIDATOR.topic})

_ETHEREUM = 1
ST_ETH = "0xae7ab96520de3a18e5e111b5eaab095312d7fe84"
WST_ETH = "0x7f39c581f595b53c5cb19bd0b3f8da6c935e2ca0"
QUEUE = "0x889edc2edab5f40e902b864ad4d7ade8e412f9b1"
DEPOSITS = "0x00000000219ab540356cbb839cbe05303d7705fa"
_GWEI = 10**9


def actions(glance: Glance) -> Iterator[Action]:
    """Of the contracts themselves: what anybody else says in their words is not read at all."""
    if glance.chain_id != _ETHEREUM:
        return
    for row in glance.by_topic.get(SUBMITTED.topic, ()):
        if row.address == ST_ETH and (told := SUBMITTED.read(row)) is not None:
            yield _action(row, ActionKind.STAKE, told[0], gives=_of(None, told[1]), takes=_minted(glance, told[0]))
    for row in glance.by_topic.get(REQUESTED.topic, ()):
        if row.address == QUEUE and (told := REQUESTED.read(row)) is not None:
            yield _action(row, ActionKind.UNSTAKE, told[2], gives=_of(ST_ETH, told[3]), note=f"Waits in the queue under number {told[0]}.")
    for row in glance.by_topic.get(CLAIMED.topic, ()):
        if row.address == QUEUE and (told := CLAIMED.read(row)) is not None:
            yield _action(row, ActionKind.UNSTAKE, told[1], takes=_of(None, told[3]), note=f"Paid out of the queue, number {told[0]}.")
    for row in glance.by_topic.get(VALIDATOR.topic, ()):
        if row.address == DEPOSITS and (told := VALIDATOR.read(row)) is not None and len(told[2]) == 18:
            raw = int.from_bytes(bytes.fromhex(told[2][2:]), "little") * _GWEI
            yield _action(row, ActionKind.STAKE, glance.sender, gives=_of(None, raw), protocol="Ethereum validators")


def wrapping(glance: Glance) -> Iterator[Action]:
    """stETH into wstETH and back: its contract has no event for it, the transfers beside it say what it was."""
    if glance.chain_id != _ETHEREUM:
        return
    for row in glance.transfers:
        if row.contract != WST_ETH or ZERO_ADDRESS not in (row.sender, row.recipient):
            continue
        wraps = row.sender == ZERO_ADDRESS
        account = row.recipient if wraps else row.sender
        giver, taker = (account, WST_ETH) if wraps else (WST_ETH, account)
        other = [one for one in glance.transfers if (one.contract, one.sender, one.recipient) == (ST_ETH, giver, taker)]
        if len(other) == 1:
            form, staked = _of(WST_ETH, row.raw), _of(ST_ETH, other[0].raw)
            yield Action(
                kind=ActionKind.WRAP if wraps else ActionKind.UNWRAP,
                protocol="Lido",
                verified=True,
                contract=checksummed(WST_ETH),
                account=checksummed(account),
                gives=staked if wraps else form,
                takes=form if wraps else staked,
                evidence=tuple(sorted((row.at, other[0].at))),
            )


def _minted(glance: Glance, account: str) -> tuple[Portion, ...]:
    found = [row for row in glance.transfers if (row.contract, row.sender, row.recipient) == (ST_ETH, ZERO_ADDRESS, account)]
    return _of(ST_ETH, found[0].raw) if len(found) == 1 else ()


def _of(contract: str | None, raw: int) -> tuple[Portion, ...]:
    return (Portion(contract=checksummed(contract) if contract else None, raw_amount=str(raw)),)


def _action(
    row: WireLog,
    kind: ActionKind,
    account: str,
    *,
    gives: tuple[Portion, ...] = (),
    takes: tuple[Portion, ...] = (),
    note: str = "",
    protocol: str = "Lido",
) -> Action:
    return Action(
        kind=kind,
        protocol=protocol,
        verified=True,
        contract=checksummed(row.address),
        account=checksummed(account),
        gives=gives,
        takes=takes,
        evidence=(row.log_index,),
        note=note,
    )

"""Deposits into bridges: the networks' own, Across, Hop, CCTP. What leaves is on its way to another network; nothing is sold by it.

Only of a bridge's own contract, at its published address, is such a word believed; Hop's many contracts are told by their shape.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from crypto_api.kit.ethereum import WireLog, checksummed
from crypto_api.protocols.glance import Glance
from crypto_api.protocols.signatures import Event, Function
from crypto_api.protocols.types import Action, ActionKind, Portion

_OUT, _IN = ActionKind.BRIDGE_DEPOSIT, ActionKind.BRIDGE_ARRIVAL
_OP_COINS = frozenset({"0x" + "00" * 20, "0xdeaddeaddeaddeaddeaddeaddeaddeaddead0000"})  # how OP-stack bridges call the coin


@dataclass(frozen=True, slots=True)
class Told:
    """Places in the event's arguments; `asset` None: the coin."""

    event: Event
    kind: ActionKind
    asset: int | None
    amount: int
    account: int | None
    recipient: int | None
    chain: int | None = None


_ETH_BRIDGE = "address indexed from, address indexed to, uint256 amount, bytes extraData"
_ERC20_BRIDGE = "address indexed localToken, address indexed remoteToken, address indexed from, address to, uint256 amount, bytes extraData"
_L2_BRIDGE = "address indexed l1Token, address indexed l2Token, address indexed from, address to, uint256 amount, bytes extraData"
_EVENTS = (
    Told(Event(f"ETHBridgeInitiated({_ETH_BRIDGE})"), _OUT, None, 2, 0, 1),
    Told(Event(f"ETHBridgeFinalized({_ETH_BRIDGE})"), _IN, None, 2, 1, 1),
    Told(Event(f"ERC20BridgeInitiated({_ERC20_BRIDGE})"), _OUT, 0, 4, 2, 3),
    Told(Event(f"ERC20BridgeFinalized({_ERC20_BRIDGE})"), _IN, 0, 4, 3, 3),
    Told(Event(f"WithdrawalInitiated({_L2_BRIDGE})"), _OUT, 1, 4, 2, 3),
    Told(Event(f"DepositFinalized({_L2_BRIDGE})"), _IN, 1, 4, 3, 3),
    Told(
        Event("DepositInitiated(address l1Token, address indexed _from, address indexed _to, uint256 indexed _sequenceNumber, uint256 _amount)"),
        _OUT, 0, 4, 1, 2,
    ),
    Told(
        Event("LockedERC20(address indexed depositor, address indexed depositReceiver, address indexed rootToken, uint256 amount)"),
        _OUT, 2, 3, 0, 1,
    ),
    Told(Event("LockedEther(address indexed depositor, address indexed depositReceiver, uint256 amount)"), _OUT, None, 2, 0, 1),
    Told(Event("DepositETH(address indexed from, address indexed to, uint256 amount, bytes data)"), _OUT, None, 2, 0, 1),
    Told(
        Event(
            "V3FundsDeposited(address inputToken, address outputToken, uint256 inputAmount, uint256 outputAmount, "
            "uint256 indexed destinationChainId, uint32 indexed depositId, uint32 quoteTimestamp, uint32 fillDeadline, uint32 exclusivityDeadline, "
            "address indexed depositor, address recipient, address exclusiveRelayer, bytes message)"
        ),
        _OUT, 0, 2, 9, 10, 4,
    ),
    Told(
        Event(
            "FundsDeposited(bytes32 inputToken, bytes32 outputToken, uint256 inputAmount, uint256 outputAmount, uint256 indexed destinationChainId, "
            "uint256 indexed depositId, uint32 quoteTimestamp, uint32 fillDeadline, uint32 exclusivityDeadline, bytes32 indexed depositor, "
            "bytes32 recipient, bytes32 exclusiveRelayer, bytes message)"
        ),
        _OUT, 0, 2, 9, 10, 4,
    ),
    Told(
        Event(
            "DepositForBurn(uint64 indexed nonce, address indexed burnToken, uint256 amount, address indexed depositor, bytes32 mintRecipient, "
            "uint32 destinationDomain, bytes32 destinationTokenMessenger, bytes32 destinationCaller)"
        ),
        _OUT, 1, 2, 3, 4,
    ),
)  # fmt: skip
_HOP_L1 = Event(
    "TransferSentToL2(uint256 indexed chainId, address indexed recipient, uint256 amount, uint256 amountOutMin, uint256 deadline, "
    "address indexed relayer, uint256 relayerFee)"
)
_HOP_L2 = Event(
    "TransferSent(bytes32 indexed transferId, uint256 indexed chainId, address indexed recipient, uint256 amount, bytes32 transferNonce, "
    "uint256 bonderFee, uint256 index, uint256 amountOutMin, uint256 deadline)"
)
_BY_TOPIC = {told.event.topic: told for told in _EVENTS}
TOPICS = frozenset({*_BY_TOPIC, _HOP_L1.topic, _HOP_L2.topic})

_L2_STANDARD = "0x4200000000000000000000000000000000000010"
CONTRACTS: Mapping[tuple[int, str], str] = {
    (1, "0x99c9fc46f92e8a1c0dec1b1747d010903e884be1"): "Optimism bridge",
    (1, "0x3154cf16ccdb4c6d922629664174b904d80f2c35"): "Base bridge",
    (10, _L2_STANDARD): "Optimism bridge",
    (8453, _L2_STANDARD): "Base bridge",
    (1, "0xa3a7b6f88361f48403514059f1f16c8e78d60eec"): "Arbitrum bridge",
    (1, "0xcee284f754e854890e311e3280b767f80797180d"): "Arbitrum bridge",
    (1, "0xd3b5b60020504bc3489d6949d545893982ba3011"): "Arbitrum bridge",
    (1, "0x40ec5b33f54e0e8a33a975908c5ba1c14e5bbbdf"): "Polygon bridge",
    (1, "0x8484ef722627bf18ca5ae6bcf031c23e6e922b30"): "Polygon bridge",
    (1, "0x7f2b8c31f88b6006c382775eea88297ec1e3e905"): "Scroll bridge",
    (1, "0x5c7bcd6e7de5423a257d81b442095a1a6ced35c5"): "Across",
    (10, "0x6f26bf09b1c792e3228e5467807a900a503c0281"): "Across",
    (137, "0x9295ee1d8c5b022be115a2ad3c30c72e34e7f096"): "Across",
    (8453, "0x09aea4b2242abc8bb4bb78d537a67a245a7bec64"): "Across",
    (42161, "0xe35e9842fceaca96570b734083f4a58e8f7c5f2a"): "Across",
    (1, "0xbd3fa81b58ba92a82136038b25adec7066af3155"): "CCTP",
    (10, "0x2b4069517957735be00cee0fadae88a26365528f"): "CCTP",
    (137, "0x9daf8c91aefae50b9c0e69629d3f6ca40ca3b3fe"): "CCTP",
    (8453, "0x1682ae6375c4e4a97e4b583bc394c861a46d8962"): "CCTP",
    (42161, "0x19330d10d9cc8751218eaf51e8885d058642e08a"): "CCTP",
    (1, "0xb8901acb165ed027e32754e0ffe830802919727f"): "Hop",
}
_DEPOSIT_ETH = Function("depositEth()")
_OP_PORTAL = frozenset({"0x", Function("depositTransaction(address,uint256,uint64,bool,bytes)").selector})
_PLAIN: Mapping[tuple[int, str], tuple[str, frozenset[str]]] = {
    (1, "0x4dbd4fc535ac27206064b68ffcf827b0a60bab3f"): ("Arbitrum bridge", frozenset({_DEPOSIT_ETH.selector})),
    (1, "0x49048044d57e1c92a77f79988d21fa8faf74e97e"): ("Base bridge", _OP_PORTAL),
    (1, "0xbeb5fc579115071764c7423a4f12edde41f106ed"): ("Optimism bridge", _OP_PORTAL),
}


def actions(glance: Glance) -> Iterator[Action]:
    """The OP stack's bridges tell the same way of the coin or token twice, in their old words and in their new ones: as often as either says it."""
    said: defaultdict[Action, defaultdict[str, list[Action]]] = defaultdict(lambda: defaultdict(list))
    for topic in TOPICS & glance.by_topic.keys():
        for row in glance.by_topic[topic]:
            found = _hop(glance, row) if topic not in _BY_TOPIC else _told(glance, row, _BY_TOPIC[topic])
            if found is not None:
                said[found.model_copy(update={"evidence": ()})][topic].append(found)
    for by_topic in said.values():
        yield from max(by_topic.values(), key=lambda rows: (len(rows), rows[0].evidence))


def by_value(glance: Glance) -> Iterator[Action]:
    """The coin, sent to a contract whose events do not say how much."""
    name, selectors = _PLAIN.get((glance.chain_id, glance.recipient or ""), ("", frozenset[str]()))
    if glance.value and glance.input[:10] in selectors:
        yield Action(
            kind=_OUT,
            protocol=name,
            verified=True,
            contract=checksummed(glance.recipient or ""),
            account=checksummed(glance.sender),
            gives=(Portion(contract=None, raw_amount=str(glance.value)),),
        )


def _told(glance: Glance, row: WireLog, told: Told) -> Action | None:
    name = CONTRACTS.get((glance.chain_id, row.address))
    if name is None or (values := told.event.read(row)) is None:
        return None
    asset = None if told.asset is None else _address(values[told.asset])
    account, recipient = (_address(values[place]) if place is not None else None for place in (told.account, told.recipient))
    if asset == "" or account == "":
        return None
    portion = (Portion(contract=_coin(glance, asset, row), raw_amount=str(values[told.amount])),)
    return Action(
        kind=told.kind,
        protocol=name,
        verified=True,
        contract=checksummed(row.address),
        account=checksummed(account) if account else None,
        recipient=checksummed(recipient) if recipient and recipient != account else None,
        gives=portion if told.kind is _OUT else (),
        takes=portion if told.kind is _IN else (),
        evidence=(row.log_index,),
        note=f"To network {values[told.chain]}." if told.chain is not None else "",
    )


def _coin(glance: Glance, asset: str | None, row: WireLog) -> str | None:
    """Across names the wrapped coin where the coin itself was sent."""
    if asset is None or asset in _OP_COINS:
        return None
    return None if asset == glance.wrapped and glance.value and not _moved(glance, asset, row.address) else checksummed(asset)


def _moved(glance: Glance, token: str, bridge: str) -> bool:
    return any(one.contract == token and one.recipient == bridge and one.sender in glance.own | {glance.sender} for one in glance.transfers)


def _address(value: Any) -> str:
    """Some write addresses as 32 bytes. Empty where it is none of this kind of network."""
    if len(value) == 42:
        return str(value)
    return "0x" + value[26:] if not value[2:26].strip("0") else ""


def _hop(glance: Glance, row: WireLog) -> Action | None:
    event = _HOP_L1 if row.topics[0] == _HOP_L1.topic else _HOP_L2
    if (told := event.read(row)) is None:
        return None
    chain, recipient = (told[0], told[1]) if event is _HOP_L1 else (told[1], told[2])
    name = CONTRACTS.get((glance.chain_id, row.address))
    return Action(
        kind=_OUT,
        protocol=name or "shaped like Hop",
        verified=name is not None,
        contract=checksummed(row.address),
        account=checksummed(glance.sender),
        recipient=checksummed(recipient) if recipient != glance.sender else None,
        evidence=(row.log_index,),
        note=f"To network {chain}. Of which asset is not told by its log.",
    )

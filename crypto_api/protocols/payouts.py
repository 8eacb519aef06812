"""Payments to many (Disperse), what a Safe carried out, allowances, and rewards that were claimed."""

from collections.abc import Iterator, Mapping

from crypto_api.kit.ethereum import checksummed
from crypto_api.protocols.glance import Glance
from crypto_api.protocols.signatures import Event, Function
from crypto_api.protocols.types import Action, ActionKind, Portion

# ---- Disperse --------------------------------------------------------------------------------------------------------------------

DISPERSE = "0xd152f549545093347a162dce210e7293f1452150"
DISPERSE_NETWORKS = frozenset({1, 10, 56, 100, 137, 8453, 42161})
_COIN = Function("disperseEther(address[] recipients, uint256[] values)")
_TOKEN = Function("disperseToken(address token, address[] recipients, uint256[] values)")
_TOKEN_SIMPLE = Function("disperseTokenSimple(address token, address[] recipients, uint256[] values)")
_DISPERSE = {function.selector: function for function in (_COIN, _TOKEN, _TOKEN_SIMPLE)}


def disperse(glance: Glance) -> Iterator[Action]:
    function = _DISPERSE.get(glance.input[:10])
    if function is None or glance.recipient is None or (told := function.read(glance.input)) is None:
        return
    recipients, values = told[-2:]
    if len(recipients) != len(values):
        return
    verified = glance.recipient == DISPERSE and glance.chain_id in DISPERSE_NETWORKS
    contract = None if function is _COIN else told[0]
    yield Action(
        kind=ActionKind.DISPERSE,
        protocol="Disperse" if verified else "shaped like Disperse",
        verified=verified,
        contract=checksummed(glance.recipient),
        account=checksummed(glance.sender),
        gives=(Portion(contract=contract, raw_amount=str(sum(map(int, values)))),),
        note=f"To {len(set(recipients))} addresses.",
    )


# ---- Safe ------------------------------------------------------------------------------------------------------------------------

_EXECUTE = Function(
    "execTransaction(address to, uint256 value, bytes data, uint8 operation, uint256 safeTxGas, uint256 baseGas, uint256 gasPrice, address gasToken, "
    "address refundReceiver, bytes signatures)"
)
_SUCCESS = Event("ExecutionSuccess(bytes32 txHash, uint256 payment)")
_SUCCESS_INDEXED = Event("ExecutionSuccess(bytes32 indexed txHash, uint256 payment)")
_FAILURE = Event("ExecutionFailure(bytes32 txHash, uint256 payment)")
_FAILURE_INDEXED = Event("ExecutionFailure(bytes32 indexed txHash, uint256 payment)")
_BY_MODULE = Event("ExecutionFromModuleSuccess(address indexed module)")
SAFE_TOPICS = frozenset({_SUCCESS.topic, _FAILURE.topic, _BY_MODULE.topic})


def safe(glance: Glance) -> Iterator[Action]:
    """A Safe is a proxy that anybody may put anywhere: whether it is one is not told by its address."""
    for topic in SAFE_TOPICS & glance.by_topic.keys():
        for row in glance.by_topic[topic]:
            by_module = _BY_MODULE.read(row)
            if by_module is None and all(event.read(row) is None for event in (_SUCCESS, _SUCCESS_INDEXED, _FAILURE, _FAILURE_INDEXED)):
                continue
            failed = topic == _FAILURE.topic
            yield Action(
                kind=ActionKind.SAFE_EXECUTION,
                protocol="shaped like Safe",
                verified=False,
                contract=checksummed(row.address),
                account=checksummed(row.address),
                evidence=(row.log_index,),
                note=f"By the module {checksummed(by_module[0])}." if by_module else _called(glance, row.address, failed=failed),
            )


def _called(glance: Glance, safe_: str, *, failed: bool) -> str:
    told = _EXECUTE.read(glance.input) if glance.recipient == safe_ else None
    outcome = "Inside, it failed. " if failed else ""
    if told is None:
        return outcome.strip()
    to, data, operation = told[0], told[2], told[3]
    what = f"method {data[:10]} of {to}" if len(data) >= 10 else f"a plain transfer to {to}"
    return f"{outcome}It {'ran the code of' if operation == '1' else 'called'} {what}."


# ---- allowances ------------------------------------------------------------------------------------------------------------------

_APPROVAL = Event("Approval(address indexed owner, address indexed spender, uint256 value)")
_FOR_ALL = Event("ApprovalForAll(address indexed owner, address indexed operator, bool approved)")
APPROVAL_TOPICS = frozenset({_APPROVAL.topic, _FOR_ALL.topic})
_APPROVING = frozenset(
    Function(signature).selector
    for signature in ("approve(address,uint256)", "increaseAllowance(address,uint256)", "setApprovalForAll(address,bool)")
)


def approvals(glance: Glance) -> Iterator[Action]:
    """Those that the call is about: a transfer out of an allowance tells of what is left of it as well."""
    if glance.input[:10] not in _APPROVING:
        return
    for topic in APPROVAL_TOPICS & glance.by_topic.keys():
        for row in glance.by_topic[topic]:
            told = _APPROVAL.read(row) or _FOR_ALL.read(row)
            if told is None or row.address != glance.recipient:
                continue
            owner, spender, value = told
            raw = None if isinstance(value, bool) else str(value)
            yield Action(
                kind=ActionKind.APPROVAL,
                protocol="ERC-20" if raw is not None else "ERC-721, ERC-1155",
                verified=False,
                contract=checksummed(row.address),
                account=checksummed(owner),
                recipient=checksummed(spender),
                gives=(Portion(contract=checksummed(row.address), raw_amount=raw),),
                evidence=(row.log_index,),
                note="Taken back." if not value else "All of the collection." if raw is None else "",
            )


# ---- rewards ---------------------------------------------------------------------------------------------------------------------

_AAVE_CLAIM = Event("RewardsClaimed(address indexed user, address indexed reward, address indexed to, address claimer, uint256 amount)")
_MERKL_CLAIM = Event("Claimed(address indexed user, address indexed token, uint256 amount)")
CLAIM_TOPICS = frozenset({_AAVE_CLAIM.topic, _MERKL_CLAIM.topic})
_MERKL = "0x3ef3d8ba38ebe18db133cec108f4d14ce00dd9ae"
DISTRIBUTORS: Mapping[tuple[int, str], str] = {
    **{(chain_id, _MERKL): "Merkl" for chain_id in (1, 10, 56, 100, 137, 8453, 42161)},
    (1, "0x8164cc65827dcfe994ab23944cbc90e0aa80bfcb"): "Aave v3",
    **{(chain_id, "0x929ec64c34a17401f460460d4b9390518e5b473e"): "Aave v3" for chain_id in (10, 137, 42161)},
    (8453, "0xf9cc4f0d883f1a1eb2c253bdb46c254ca51e1f44"): "Aave v3",
}


def claims(glance: Glance) -> Iterator[Action]:
    for topic in CLAIM_TOPICS & glance.by_topic.keys():
        for row in glance.by_topic[topic]:
            told = _AAVE_CLAIM.read(row) or _MERKL_CLAIM.read(row)
            name = DISTRIBUTORS.get((glance.chain_id, row.address))
            if told is None or name is None:
                continue
            yield Action(
                kind=ActionKind.CLAIM,
                protocol=name,
                verified=True,
                contract=checksummed(row.address),
                account=checksummed(told[0]),
                takes=(Portion(contract=checksummed(told[1]), raw_amount=str(told[-1])),),
                evidence=(row.log_index,),
            )

"""Payments to many (Disperse), allowances, and rewards that were claimed."""

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


# ---- allowances ------------------------------------------------------------------------------------------------------------------

_APPROVAL = Event("Approval(address indexed owner, address indexed spender, uint256 value)")
_FOR_ALL = Event("ApprovalForAll(address indexed owner, address indexed operator, bool approved)")
APPROVAL_TOPICS = frozenset({_APPROVAL.topic, _FOR_ALL.topic})
_APPROVE = Function("approve(address spender, uint256 value)")
_APPROVE_ALL = Function("setApprovalForAll(address operator, bool approved)")
APPROVING = {function.selector: function for function in (_APPROVE, Function("increaseAllowance(address spender, uint256 added)"), _APPROVE_ALL)}


def approvals(glance: Glance) -> Iterator[Action]:
    """The one that the call is about: a transfer out of an allowance tells of what is left of it as well."""
    function = APPROVING.get(glance.input[:10])
    if function is None or (asked := function.read(glance.input)) is None:
        return
    rows = [row for topic in APPROVAL_TOPICS & glance.by_topic.keys() for row in glance.by_topic[topic] if row.address == glance.recipient]
    told = [(row, values) for row in rows if (values := _APPROVAL.read(row) or _FOR_ALL.read(row)) is not None]
    mine = [(row, values) for row, values in told if values[:2] == (glance.sender, asked[0].lower())]
    exact = [(row, values) for row, values in mine if str(values[2]) == str(asked[1])]
    for row, (owner, spender, value) in (exact or mine)[:1]:
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
            if told is None or name is None or told[0] not in glance.about:
                continue  # who claims for many tells of each
            yield Action(
                kind=ActionKind.CLAIM,
                protocol=name,
                verified=True,
                contract=checksummed(row.address),
                account=checksummed(told[0]),
                takes=(Portion(contract=checksummed(told[1]), raw_amount=str(told[-1])),),
                evidence=(row.log_index,),
            )

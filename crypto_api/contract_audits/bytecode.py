"""What code itself tells, with or without a source: opcodes that it can reach, functions that it dispatches on, and what its storage points at.

A selector names a function and not what the function does, and four bytes may belong to several names; an opcode stands there and may never be
reached. So nothing here is surer than `medium`, but for what a standard puts at a known place (EIP-1167, 1822, 1967, 7702).

Opcodes: Ethereum Yellow Paper, appendix H. Selectors: the first four bytes of the keccak-256 of a signature (Solidity ABI specification).
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from eth_utils.crypto import keccak

from crypto_api.contract_audits.types import Confidence, Evidence, Found, FoundBy, Severity
from crypto_api.contracts.bytecode import trailer
from crypto_api.contracts.types import Hop, ProxyKind, ResolutionProblem

_PUSH1, _PUSH4, _PUSH32, _DUP1, _DUP16, _EQ, _JUMPDEST = 0x60, 0x63, 0x7F, 0x80, 0x8F, 0x14, 0x5B
_SUB, _XOR, _JUMPI = 0x03, 0x18, 0x57
_ENDS = frozenset({0x00, 0x56, 0xF3, 0xFD, 0xFE, 0xFF})  # STOP, JUMP, RETURN, REVERT, INVALID, SELFDESTRUCT: what follows is reached by a jump only
_DELEGATECALL, _CALLCODE, _SELFDESTRUCT = 0xF4, 0xF2, 0xFF
_COMPARED_WITHIN = 4  # instructions between a selector and the comparison with it
SHOWN_MAX = 20


@dataclass(frozen=True, slots=True)
class Instruction:
    offset: int
    opcode: int
    pushed: bytes


def instructions(code: bytes) -> Iterable[Instruction]:
    """Those that a run may come to: without the metadata behind the code, and without what stands behind an end and is no jump's target."""
    body = code[: len(code) - len(trailer(code)) - 2] if trailer(code) else code
    at, reached = 0, True
    while at < len(body):
        opcode = body[at]
        size = opcode - _PUSH1 + 1 if _PUSH1 <= opcode <= _PUSH32 else 0
        reached = reached or opcode == _JUMPDEST
        if reached:
            yield Instruction(at, opcode, body[at + 1 : at + 1 + size])
        if opcode in _ENDS:
            reached = False
        at += 1 + size


@dataclass(frozen=True)
class Program:
    """`dispatched`: selector → offset, of four-byte constants that are compared with something and jumped on. `opcodes`: opcode → offsets."""

    dispatched: Mapping[str, int]
    opcodes: Mapping[int, Sequence[int]]


def read_program(code: bytes) -> Program:
    rows = list(instructions(code))
    dispatched: dict[str, int] = {}
    opcodes: dict[int, list[int]] = {}
    for index, row in enumerate(rows):
        if row.opcode in (_DELEGATECALL, _CALLCODE, _SELFDESTRUCT):
            opcodes.setdefault(row.opcode, []).append(row.offset)
        if _PUSH1 <= row.opcode <= _PUSH4 and _is_compared(rows[index + 1 : index + 2 + _COMPARED_WITHIN]):
            dispatched.setdefault("0x" + row.pushed.hex().rjust(8, "0"), row.offset)
    return Program(dispatched, opcodes)


def _is_compared(rest: Sequence[Instruction]) -> bool:
    """`PUSH4 selector, EQ, PUSH target, JUMPI` as Solidity writes it, and with SUB or XOR as optimisers and Vyper do."""
    names = [row.opcode for row in rest]
    for at, opcode in enumerate(names[:-1]):
        if opcode in (_EQ, _SUB, _XOR):
            return _JUMPI in names[at + 1 : at + 4]
        if not (_DUP1 <= opcode <= _DUP16):
            return False
    return False


# ---- what functions mean ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Power:
    """Something that whoever is in charge may do, known by the functions for it."""

    check: str
    title: str
    severity: Severity
    description: str
    signatures: tuple[str, ...]


_POWERS = (
    Power(
        "mint",
        "New tokens can be made",
        Severity.MEDIUM,
        "The code has functions that are commonly named for making new tokens. Who may call them, and how many can be made, stands in the code"
        " behind them: every holder's share shrinks when it is used.",
        ("mint(address,uint256)", "mint(uint256)", "issue(uint256)", "mintTo(address,uint256)", "mint(address)", "mint(address,uint256,bytes)"),
    ),
    Power(
        "pause",
        "Transfers can be stopped",
        Severity.MEDIUM,
        "The code has functions that are commonly named for stopping a contract. While it is stopped, what is held may not be movable.",
        ("pause()", "unpause()", "setPaused(bool)", "stop()", "freeze()", "unfreeze()"),
    ),
    Power(
        "blacklist",
        "Addresses can be shut out",
        Severity.MEDIUM,
        "The code has functions that are commonly named for shutting single addresses out. An address that is shut out may lose the use of what it"
        " holds.",
        (
            *("blacklist(address)", "unBlacklist(address)", "isBlacklisted(address)", "addBlackList(address)", "removeBlackList(address)"),
            *("getBlackListStatus(address)", "destroyBlackFunds(address)", "setBlacklist(address,bool)", "freeze(address)", "unfreeze(address)"),
            *("freezeAccount(address,bool)", "setBots(address[])", "blockAddress(address)", "denylist(address)", "ban(address)"),
        ),
    ),
    Power(
        "fee-switch",
        "Fees can be changed",
        Severity.MEDIUM,
        "The code has functions that are commonly named for setting a fee. Less may arrive than is sent, and how much less may change.",
        (
            *("setFee(uint256)", "setFees(uint256,uint256)", "setParams(uint256,uint256)", "setTaxFeePercent(uint256)", "setTax(uint256)"),
            *("setLiquidityFeePercent(uint256)", "updateFees(uint256,uint256)", "setBuyFee(uint256)", "setSellFee(uint256)", "setFeeTo(address)"),
            *("setFeeRecipient(address)", "setTransferFee(uint256)", "setFeeBps(uint256)", "excludeFromFee(address)"),
        ),
    ),
    Power(
        "upgrade-function",
        "The code has a function for replacing it",
        Severity.MEDIUM,
        "The code has functions that are commonly named for replacing the code of a proxy. Whoever may call them decides what the contract does from"
        " then on.",
        (
            "upgradeTo(address)",
            "upgradeToAndCall(address,bytes)",
            "setImplementation(address)",
            "changeAdmin(address)",
            "diamondCut((address,uint8,bytes4[])[],address,bytes)",
        ),
    ),
    Power(
        "withdraw-all",
        "Somebody may take out what the contract holds",
        Severity.LOW,
        "The code has functions that are commonly named for taking out coins or tokens that lie in the contract.",
        (
            *("withdrawAll()", "emergencyWithdraw()", "rescueTokens(address,uint256)", "rescueERC20(address,address,uint256)", "sweep(address)"),
            *("recoverERC20(address,uint256)", "withdrawEther()", "withdrawETH()", "rescueFunds(address)", "skim(address)"),
        ),
    ),
)
_OWNER = ("owner()", "transferOwnership(address)", "renounceOwnership()", "getOwner()", "setOwner(address)", "pendingOwner()", "acceptOwnership()")
_ROLES = ("grantRole(bytes32,address)", "revokeRole(bytes32,address)", "hasRole(bytes32,address)", "getRoleAdmin(bytes32)")


def selector(signature: str) -> str:
    return "0x" + keccak(text=signature)[:4].hex()


OWNER_CALL = selector("owner()")


# ---- the checks ------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Look:
    """What was read at one block: the code that runs, the steps to it, and what the storage of the address says."""

    code: bytes
    hops: Sequence[Hop] = ()
    problem: ResolutionProblem | None = None
    slots: Mapping[str, str] = field(default_factory=dict)  # EIP-1967 slot → address
    owner: str | None = None  # what owner() answered: an address; None where it does not answer
    owner_has_code: bool = False
    where: str = ""  # path:Name, of code that a compiler made and that stands nowhere


def checks(look: Look) -> list[Found]:
    program = read_program(look.code)
    found = [*_proxy(look), *_opcodes(look, program), *_owner(look, program)]
    held = [(power, evidence) for power in _POWERS if (evidence := _named(program, power.signatures))]
    return found + [_finding(look, one.check, one.title, one.severity, Confidence.MEDIUM, one.description, evidence) for one, evidence in held]


def _named(program: Program, signatures: Iterable[str]) -> list[Evidence]:
    known = {selector(signature): signature for signature in signatures}
    return [
        Evidence(kind="selector", value=each, means=known[each], offset=offset)
        for each, offset in sorted(program.dispatched.items(), key=lambda row: row[1])
        if each in known
    ]


_FIXED = frozenset({ProxyKind.EIP1167, ProxyKind.EIP1167_WITH_ARGUMENTS})
_STANDARDS = {
    ProxyKind.EIP1967: "EIP-1967",
    ProxyKind.EIP1967_BEACON: "EIP-1967, with a beacon",
    ProxyKind.EIP1822: "EIP-1822",
    ProxyKind.ZEPPELINOS: "OpenZeppelin's first proxies",
    ProxyKind.EIP1167: "EIP-1167",
    ProxyKind.EIP1167_WITH_ARGUMENTS: "EIP-1167 with arguments",
    ProxyKind.EIP7702: "EIP-7702",
}


def _proxy(look: Look) -> list[Found]:
    found = []
    changing = [hop for hop in look.hops if hop.kind not in _FIXED]
    fixed = [hop for hop in look.hops if hop.kind in _FIXED]
    evidence = [Evidence(kind="slot", value=slot, means=means, address=address) for slot, (means, address) in _slots(look).items()]
    if changing:
        steps = [
            Evidence(kind="pattern", value=_STANDARDS[hop.kind], means=f"{hop.address} runs the code of {hop.target}", address=hop.target)
            for hop in changing
        ]
        text = (
            "The contract runs code that stands elsewhere and can be replaced. What was audited is the code of today; whoever may replace it decides"
            " about tomorrow's."
        )
        found.append(_finding(look, "upgradeable-proxy", "The code can be replaced", Severity.MEDIUM, Confidence.HIGH, text, [*steps, *evidence]))
    if fixed:
        steps = [
            Evidence(kind="pattern", value=_STANDARDS[hop.kind], means=f"{hop.address} runs the code of {hop.target}", address=hop.target)
            for hop in fixed
        ]
        text = "The contract is nothing but a pointer to the code of another, and cannot be pointed elsewhere."
        found.append(_finding(look, "minimal-proxy", "A pointer to other code", Severity.INFORMATIONAL, Confidence.HIGH, text, steps))
    if look.problem is not None:
        text = "It is a proxy, and where its code stands could not be found out: what it does is not known."
        proof = [Evidence(kind="pattern", value=look.problem.value, means="why it is not known")]
        found.append(_finding(look, "unresolved-proxy", "Code that is not known", Severity.HIGH, Confidence.MEDIUM, text, proof))
    return found


ADMIN_SLOT = f"0x{int.from_bytes(keccak(text='eip1967.proxy.admin')) - 1:064x}"


def _slots(look: Look) -> dict[str, tuple[str, str]]:
    names = {ADMIN_SLOT: "eip1967.proxy.admin: who may replace the code"}
    return {slot: (names.get(slot, "a slot of EIP-1967"), address) for slot, address in look.slots.items()}


def _opcodes(look: Look, program: Program) -> list[Found]:
    found = []
    if offsets := program.opcodes.get(_SELFDESTRUCT):
        text = (
            "The code can come to SELFDESTRUCT, which sends away all coins that it holds; before the Cancun upgrade (EIP-6780) it also deletes the"
            " code. Behind a proxy it can leave the proxy without code on such networks."
        )
        found.append(
            _finding(
                look, "selfdestruct", "The contract may be emptied at once", Severity.MEDIUM, Confidence.MEDIUM, text, _at("SELFDESTRUCT", offsets)
            )
        )
    delegating = [*program.opcodes.get(_DELEGATECALL, ()), *program.opcodes.get(_CALLCODE, ())]
    if delegating and not look.hops:
        text = (
            "The code runs the code of other addresses as its own (DELEGATECALL) and is no proxy of a known standard. Libraries do so; so does a"
            " proxy that is not recognised. Who chooses the other address decides what this contract does."
        )
        evidence = [*_at("DELEGATECALL", program.opcodes.get(_DELEGATECALL, ())), *_at("CALLCODE", program.opcodes.get(_CALLCODE, ()))]
        found.append(_finding(look, "delegatecall", "Runs code of other addresses", Severity.MEDIUM, Confidence.LOW, text, evidence))
    return found


def _at(name: str, offsets: Sequence[int]) -> list[Evidence]:
    return [Evidence(kind="opcode", value=name, offset=offset) for offset in offsets[:SHOWN_MAX]]


NOBODY = "0x" + "0" * 40


def _owner(look: Look, program: Program) -> list[Found]:
    owner, roles = _named(program, _OWNER), _named(program, _ROLES)
    if not owner and not roles:
        return []
    if look.owner is not None:
        whom = "nobody: ownership was given up" if look.owner == NOBODY else "a contract" if look.owner_has_code else "a single account"
        owner.append(Evidence(kind="call", value="owner()", means=f"answers {whom}", address=look.owner))
    given_up = look.owner == NOBODY and not roles
    text = "The code knows an owner or roles that may do what others may not. What exactly stands behind each function."
    if look.owner is not None and not given_up and not look.owner_has_code and look.owner != NOBODY:
        text += " The owner is a single account without code: whoever has its key has these powers alone."
    severity = Severity.INFORMATIONAL if given_up else Severity.LOW
    title = "Ownership was given up" if given_up else "Somebody is in charge"
    return [_finding(look, "owner-powers", title, severity, Confidence.MEDIUM, text, [*owner, *roles])]


def _finding(look: Look, check: str, title: str, severity: Severity, confidence: Confidence, description: str, evidence: Sequence[Evidence]) -> Found:
    """Its key does not change with offsets, which every compilation moves."""
    key = hashlib.sha256(f"coffer:bytecode:1:{check}:{look.where}".encode()).hexdigest()
    where = f"{title} ({look.where.rpartition(':')[2]})" if look.where else title
    proof = sorted(f"{row.kind} {row.value} {row.address or ''}" for row in evidence)
    return Found(
        key=f"bytecode:{key}",
        fingerprint=hashlib.sha256("\n".join(proof).encode()).hexdigest(),
        origin=FoundBy.BYTECODE,
        check=check,
        title=where,
        severity=severity,
        confidence=confidence,
        description=description,
        evidence=list(evidence)[:SHOWN_MAX],
    )

"""What stands at an address: its code, what it points at where it is a proxy, and the common interfaces that it has. All read at one block."""

import asyncio
from collections.abc import Awaitable
from typing import Any

from crypto_api.contracts import proxies
from crypto_api.contracts.bytecode import pushed_selectors
from crypto_api.contracts.types import HOPS_MAX, Hop, Inspection, Interface, NodeReader, ProxyKind, ResolutionProblem
from crypto_api.kit.ethereum import BlockHeader, CallRefused, ChainUnavailable, InconsistentAnswer

_QUESTION_GAS = 300_000  # ERC-165 asks for 30,000; a chain of proxies takes more
_SUPPORTS = "0x01ffc9a7"  # supportsInterface(bytes4), and the identifier of ERC-165
_INTERFACE_IDS = {Interface.ERC721: "80ac58cd", Interface.ERC1155: "d9b67a26"}
_NO_INTERFACE = "ffffffff"  # a contract that says yes to this one says yes to everything
_ERC20 = {
    "0x18160ddd": "totalSupply()",
    "0x70a08231": "balanceOf(address)",
    "0xa9059cbb": "transfer(address,uint256)",
    "0xdd62ed3e": "allowance(address,address)",
    "0x095ea7b3": "approve(address,uint256)",
    "0x23b872dd": "transferFrom(address,address,uint256)",
}
_ERC4626 = {"0x38d52e0f": "asset()", "0x07a2d13a": "convertToAssets(uint256)", "0x6e553f65": "deposit(uint256,address)"}
_TOTAL_SUPPLY = "0x18160ddd"


async def inspect_contract(chain: NodeReader, address: str) -> Inspection:
    """`address` in EIP-55. Without code the inspection has none. ChainUnavailable where no node answers."""
    block = await head_of(chain)
    look = _Look(chain, block)
    code = await look.code(address)
    hops: list[Hop] = []
    seen, running, problem = {address}, code, None
    while running and (hop := await look.hop(hops[-1].target if hops else address, running)) is not None:
        if isinstance(hop, ResolutionProblem):
            problem = hop
            break
        hops.append(hop)
        if hop.target in seen:
            problem = ResolutionProblem.CYCLE
        elif len(hops) > HOPS_MAX:
            problem = ResolutionProblem.TOO_DEEP
        if problem is not None:
            break
        seen.add(hop.target)
        running = await look.code(hop.target)
        problem = None if running else ResolutionProblem.NO_CODE
    known = bool(hops) and problem is None
    found = Inspection(block, code, tuple(hops), hops[-1].target if known else None, running if known else b"", problem)
    interfaces = await _interfaces(look, address, found.running_code) if code and problem is None else ()
    return Inspection(block, code, found.hops, found.implementation, found.implementation_code, problem, interfaces)


async def head_of(chain: NodeReader) -> BlockHeader:
    header = await chain.header(await chain.block_number())
    if header is None:
        raise ChainUnavailable("the node does not know the block that it told of")
    return header


async def read_code(chain: NodeReader, address: str) -> bytes:
    """At the head."""
    return await _Look(chain, await head_of(chain)).code(address)


class _Look:
    """Questions to a node about one block (EIP-1898)."""

    def __init__(self, chain: NodeReader, block: BlockHeader) -> None:
        self._chain, self._at = chain, {"blockHash": block.hash}

    async def code(self, address: str) -> bytes:
        return data_of(await self._chain.call_any("eth_getCode", [address, self._at]))

    async def hop(self, address: str, code: bytes) -> Hop | ResolutionProblem | None:
        """Where the code at `address` points; None when it points nowhere."""
        if found := proxies.in_code(code):
            return Hop(address=address, kind=found[0], target=found[1])
        kinds = list(proxies.IMPLEMENTATION_SLOTS)
        slots = [proxies.IMPLEMENTATION_SLOTS[kind] for kind in kinds]
        beacon, *words = await asyncio.gather(*(self._slot(address, slot) for slot in (proxies.BEACON_SLOT, *slots)))
        if beacon is not None and words[0] is None:
            return await self._of_beacon(address, beacon)
        for kind, target in zip(kinds, words, strict=True):
            if target is not None:
                return Hop(address=address, kind=kind, target=target)
        return None

    async def _of_beacon(self, address: str, beacon: str) -> Hop | ResolutionProblem:
        target = proxies.address_in("0x" + (await self.answer(beacon, proxies.IMPLEMENTATION_CALL)).hex())
        if target is None:
            return ResolutionProblem.BEACON_SILENT
        return Hop(address=address, kind=ProxyKind.EIP1967_BEACON, target=target, beacon=beacon)

    async def _slot(self, address: str, slot: str) -> str | None:
        return proxies.address_in("0x" + data_of(await self._chain.call_any("eth_getStorageAt", [address, slot, self._at])).hex())

    async def answer(self, address: str, data: str) -> bytes:
        """Of a call; empty when it is refused."""
        call = {"to": address, "data": data, "gas": hex(_QUESTION_GAS)}
        try:
            return data_of(await self._chain.call_any("eth_call", [call, self._at]))
        except CallRefused:
            return b""


async def _interfaces(look: _Look, address: str, code: bytes) -> tuple[Interface, ...]:
    pushed = pushed_selectors(code)
    found = []
    if _ERC20.keys() <= pushed and len(await look.answer(address, _TOTAL_SUPPLY)) == 32:
        found.append(Interface.ERC20)
        if _ERC4626.keys() <= pushed:
            found.append(Interface.ERC4626)
    if _SUPPORTS in pushed:
        found += await _introspected(look, address)
    return tuple(found)


async def _introspected(look: _Look, address: str) -> list[Interface]:
    """By ERC-165."""
    ids = [_SUPPORTS[2:], _NO_INTERFACE, *_INTERFACE_IDS.values()]
    questions: list[Awaitable[bytes]] = [look.answer(address, _SUPPORTS + id_.ljust(64, "0")) for id_ in ids]
    itself, everything, *rest = (_says_yes(answer) for answer in await asyncio.gather(*questions))
    if not itself or everything:
        return []
    return [Interface.ERC165, *(kind for kind, yes in zip(_INTERFACE_IDS, rest, strict=True) if yes)]


def _says_yes(answer: bytes) -> bool:
    return len(answer) >= 32 and int.from_bytes(answer[:32]) == 1


def data_of(answer: Any) -> bytes:
    """Bytes that a node told in hexadecimal."""
    try:
        return bytes.fromhex(answer.removeprefix("0x"))
    except (AttributeError, ValueError) as error:
        raise InconsistentAnswer("the node answered with something else than bytes") from error

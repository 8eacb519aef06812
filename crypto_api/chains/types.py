"""Ports and values of following a chain."""

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from pydantic import BaseModel, ConfigDict

from crypto_api.kit.ethereum import BlockHeader, InternalTransfer, Testimony, WireBlock, WireReceipt, WireTransaction


class ChainReader(Protocol):
    """One network. Every method raises ChainUnavailable when it cannot answer; none of them ever answers "nothing" instead."""

    async def block_number(self) -> int: ...

    async def header(self, number: int) -> BlockHeader | None: ...

    async def headers(self, first: int, last: int) -> list[BlockHeader]: ...

    async def read_blocks(self, first: int, last: int, watched: Container[str]) -> list[WireBlock]: ...

    async def read_receipts(self, hashes: Iterable[str]) -> dict[str, WireReceipt]: ...

    async def balances(self, holdings: Sequence[tuple[str, str | None]], block_hash: str) -> list[int]: ...

    async def internal_transfers(self, hashes: Sequence[str]) -> dict[str, tuple[InternalTransfer, ...] | None]: ...

    async def internal_transfers_in(self, header: BlockHeader) -> dict[str, tuple[InternalTransfer, ...]] | None: ...

    async def transactions_in(self, block_hash: str) -> list[WireTransaction]: ...

    async def call(self, to: str, data: str, block_hash: str | None = None) -> bytes: ...


@dataclass(frozen=True, slots=True)
class TokenFacts:
    """What is pinned about a token contract. `decimals` is None where it did not say, or said something outside 0..36."""

    contract: str  # EIP-55
    symbol: str
    name: str
    decimals: int | None
    listed: bool
    asset: str  # the symbol of a listed token, else its CAIP-19 id
    by_balance: bool = False  # it takes a fee of transfers, or changes balances without a word: its logs are not believed


@dataclass(frozen=True, slots=True)
class ChainAsset:
    """Something whose balance a node can be asked for; `contract` is None for the native coin."""

    name: str
    contract: str | None
    decimals: int


class Witnesses(Protocol):
    """The providers of one network, each asked for itself. ChainUnavailable when none answers."""

    async def testimonies(
        self, number: int, block_hash: str, hashes: Sequence[str], holdings: Sequence[tuple[str, str | None]]
    ) -> list[Testimony]: ...


class BlockRange(BaseModel):
    """Both ends belong to it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Position:
    """The last block processed."""

    height: int
    hash: str

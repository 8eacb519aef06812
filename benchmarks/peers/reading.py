"""What a reader of a chain is asked, and what it came to."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Asked:
    """The chain that all of them read."""

    url: str
    chain_id: int
    token: str
    blocks: int
    watched: frozenset[str]  # lower case


@dataclass(frozen=True)
class Reading:
    """`paid`: the transactions that it found to pay a watched address, by hash. `counted`: what it stored, by kind."""

    name: str
    version: str
    does: str
    blocks: int
    seconds: float
    cpu_s: float
    peak_mb: int
    paid: frozenset[str]
    counted: Mapping[str, int]

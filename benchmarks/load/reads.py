"""What somebody who looks after the money reads all day, as programs and pages ask for it."""

from dataclasses import dataclass
from random import Random

from benchmarks.load.installation import Installation, Usage
from benchmarks.load.target import Target
from benchmarks.load.traffic import Figures, Source, Traffic
from benchmarks.load.wire import Answer

FASTEST = 6  # enough that neither API nor database has nothing to do, and no more than a process works on at a time
DASHBOARD = "/api/dashboard/"
MIX = (
    (DASHBOARD, 10),  # asks whether it is still what it was, as a page does that stands open
    ("/api/wallets/", 15),
    ("/api/transactions/?limit=50", 15),
    ("/api/transactions/{transaction}/", 10),
    ("/api/payments/?state=PENDING_APPROVAL", 10),
    ("/api/inbox/", 10),
    ("/api/notifications/", 10),
    ("/api/invoices/", 5),
    ("/api/portfolio/", 5),
    ("/api/wallets/{wallet}/", 5),
    ("/api/accounts/", 5),
)
"""Paths, and how often of a hundred."""


@dataclass(frozen=True)
class Read:
    """One run of it."""

    name: str
    figures: Figures
    usage: Usage


class Reads:
    """What is asked, in the order of a seed."""

    def __init__(self, target: Target, transactions: list[str], wallets: list[str], seed: int = 1) -> None:
        self._of, self._transactions, self._wallets = target, transactions, wallets
        self._random = Random(seed)
        self._etag = ""

    def source(self) -> Source:
        paths, weights = zip(*MIX, strict=True)

        def next_one() -> bytes:
            (path,) = self._random.choices(paths, weights)
            if path == "/api/dashboard/" and self._etag:
                return self._of.get(path, if_none_match=self._etag)
            return self._of.get(path.format(transaction=self._random.choice(self._transactions), wallet=self._random.choice(self._wallets)))

        return next_one

    def heard(self, request: bytes, answer: Answer) -> None:
        if answer.status == 200 and request.startswith(b"GET /api/dashboard/"):
            self._etag = answer.headers.get(b"etag", b"").decode()


async def reads_of(target: Target) -> Reads:
    rows = target.database["transactions"].find({"org_id": target.org_id}, {"_id": 1}).sort("_id", -1).limit(200)
    return Reads(target, [str(row["_id"]) async for row in rows], [str(row["_id"]) for row in await target.wallets()])


async def measure_reads(installation: Installation, *, clients: int, rate: float, seconds: float) -> list[Read]:
    """The rate that is aimed at, by so many clients and then by strangers who wait for nobody; and what is carried at most."""
    reads, found = await reads_of(installation), []
    for name, by in (("clients", "clients"), ("arrivals", "arrivals"), (f"{FASTEST} clients, as fast as it goes", "fastest")):
        async with installation.pool(clients) as pool:
            traffic, over = Traffic(pool, reads.source(), reads.heard), installation.watch()
            if by == "clients":
                figures = await traffic.clients(clients, rate, seconds)
            elif by == "arrivals":
                figures = await traffic.arrivals(rate, seconds)
            else:
                figures = await traffic.as_fast_as_it_goes(FASTEST, seconds)
            found.append(Read(name, figures, over()))
    return found

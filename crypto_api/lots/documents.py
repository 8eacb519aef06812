from datetime import date, datetime

from pydantic import BaseModel, ConfigDict
from pymongo import DESCENDING, IndexModel

from crypto_api.lots.types import LotMethod, LotScope, Verdict
from mongodb_config.base_document import TenantDocument
from mongodb_config.kept_row import KeptRow


class LotRule(BaseModel):
    """What holds from `start` on; without a start, from the beginning."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    start: date | None = None
    method: LotMethod = LotMethod.AVERAGE
    scope: LotScope = LotScope.WALLET
    months: int = 12


class LotProposal(BaseModel):
    """A rule that waits for a second person."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rule: LotRule
    proposed_by: str
    proposed_at: datetime


class LotDecision(LotProposal):
    """What became of a proposal, and who decided."""

    verdict: Verdict
    decided_by: str
    decided_at: datetime


class LotPolicy(KeptRow):
    rules: list[LotRule] = [LotRule()]
    rules_version: int = 0  # of the rules alone: a proposal, and its end, change nothing that is computed by them
    proposal: LotProposal | None = None
    decisions: list[LotDecision] = []  # the latest, in their order; all of them stand in the audit log

    class Settings:
        name = "lot_policies"


class LotState(TenantDocument):
    """The books were compared with the lots, and the lots are kept; `_id` is the organisation's. What was posted since and waits to be compared is
    marked so itself (`JournalEntry.uncosted`)."""

    rules_version: int  # of the rules by which they were compared
    time_zone: str = ""  # in which their days are
    rule_start: int  # of the one by which the kept lots stand
    month: date | None = None  # whose events were the latest that were worked through: its beginning has a checkpoint
    anew: bool = False  # they are being worked through: until then nothing is booked by them
    settled_at: datetime
    version: int = 1

    class Settings:
        name = "lot_states"


class LotCheckpoint(TenantDocument):
    """The open lots at the beginning of `day`, so that what is found late is computed from there. `pools`: key, and each lot as text. A projection
    of the entries."""

    day: date
    pools: list[tuple[str, list[str]]]
    held: list[tuple[str, str]]
    short: list[tuple[str, str]] | None = None  # None: kept before it was told; nothing goes on from there
    rules_version: int

    class Settings:
        name = "lot_checkpoints"
        indexes = [IndexModel([("org_id", DESCENDING), ("day", DESCENDING)], unique=True, name="org_day")]


class LotPool(TenantDocument):
    """A pool as the books left it (`PoolRow`); `_id` is `<org>|<key>`. It changes with whatever is booked by its lots, in the same unit of work."""

    key: str  # account|wallet|asset, or the asset where lots of all wallets are together
    method: LotMethod
    last: str
    taken: str
    quantity: str  # integers, of more digits than a database counts with
    cost: str
    pages: list[tuple[int, str]]
    version: int

    class Settings:
        name = "lot_pools"
        indexes = [IndexModel([("org_id", DESCENDING), ("last", DESCENDING)], name="org_last")]


class LotPage(TenantDocument):
    """Some of the lots of a pool, next to one another in the order in which they are taken; `_id` is `<org>|<key>|<number>`. Read by it alone, so
    that what is not needed costs nothing on any server."""

    pool: str  # its key
    number: int
    lots: list[str]

    class Settings:
        name = "lot_pages"
        indexes = [IndexModel([("org_id", DESCENDING)], name="org")]

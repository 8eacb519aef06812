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
    proposal: LotProposal | None = None
    decisions: list[LotDecision] = []  # the latest, in their order; all of them stand in the audit log

    class Settings:
        name = "lot_policies"


class LotState(TenantDocument):
    """How far the books were compared with the lots; `_id` is the organisation's. Entries posted up to `posted_through` were seen, and of
    the latest, which may have been committed out of order, those in `seen`."""

    posted_through: datetime
    seen: list[str] = []
    rules_version: int = 0  # of the policy by which they were compared
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

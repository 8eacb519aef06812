from pydantic import Field

from crypto_api.classification.types import Category
from crypto_api.flows.remedy_item import Choice as RemedyChoice
from crypto_api.http.paging import PageQuery
from crypto_api.http.schemas.accounts import AccountCode
from crypto_api.http.schemas.base import Choice, Line, PageRead, Prose, ReadSchema, RequestSchema, Time, Word
from crypto_api.http.schemas.journal_entries import AssetName
from crypto_api.inbox.documents import InboxItem
from crypto_api.inbox.types import OPEN_STATES, REMEDIES, ItemKind, ItemState, Remedy
from crypto_api.kit.amounts import Money


class InboxQuery(PageQuery):
    state: ItemState | None = None
    kind: ItemKind | None = None
    q: Word | None = Field(default=None, description="Part of the title, of the cause or of the subject's id.")


class RemedyTry(RequestSchema):
    """What is done about an item. Which of the fields are needed depends on the remedy; a 422 names the one that is missing."""

    remedy: Choice[Remedy] = Field(examples=["book_difference"])
    asset: AssetName | None = Field(default=None, examples=["ETH"], description="enter_price: of what, where more than one has no price.")
    rate: Money | None = Field(default=None, examples=["3120.45"], description="enter_price: what one of it was worth, in the functional currency.")
    category: Choice[Category] | None = Field(default=None, examples=["income"], description="classify: what it was.")
    counterparty: Line | None = Field(default=None, examples=["Grace Hopper"], description="classify: with whom.")
    account_code: AccountCode | None = Field(
        default=None, examples=["4300"], description="book_difference: the account that says why it came or went; suspense when left out."
    )
    reason: Prose = Field(default="", examples=["A reward paid by an internal call"], description="book_difference needs one.")

    def choice(self) -> RemedyChoice:
        return RemedyChoice(self.remedy, self.asset, self.rate, self.category, self.counterparty, self.account_code, self.reason)


class ItemWaive(RequestSchema):
    reason: Line = Field(examples=["Agreed with the auditor: below 0.01"], description="Why it may stay so.")


class AttemptRead(ReadSchema):
    at: Time
    by: str | None = Field(description="The person's id; null where it happened by itself.")
    what: str = Field(examples=["retry_price"])
    outcome: str


class InboxItemRead(ReadSchema):
    id: str = Field(examples=["inb_01k9x5r3v8"])
    kind: ItemKind
    state: ItemState
    title: str
    cause: str = Field(description="Why it is here, in words.")
    subject_kind: str = Field(examples=["wallet"])
    subject_id: str
    facts: dict[str, str] = Field(description="What was found, by name; amounts as decimal strings.")
    remedies: list[Remedy] = Field(description="What may be done about it; empty once it is closed.")
    attempts: list[AttemptRead] = Field(description="What was tried, oldest first.")
    opened_at: Time
    updated_at: Time
    closed_at: Time | None
    closed_by: str | None = Field(description="The person who waived it; null where it closed by itself.")
    closed_reason: str

    @classmethod
    def of(cls, item: InboxItem) -> "InboxItemRead":
        return cls(
            id=item.id,
            kind=item.kind,
            state=item.state,
            title=item.title,
            cause=item.cause,
            subject_kind=item.subject_kind,
            subject_id=item.subject_id,
            facts=item.facts,
            remedies=list(REMEDIES[item.kind]) if item.state in OPEN_STATES else [],
            attempts=[AttemptRead(at=row.at, by=row.by, what=row.what, outcome=row.outcome) for row in item.attempts],
            opened_at=item.created_at,
            updated_at=item.updated_at,
            closed_at=item.closed_at,
            closed_by=item.closed_by,
            closed_reason=item.closed_reason,
        )


class InboxPageRead(PageRead[InboxItemRead]):
    counts: dict[ItemState, int] = Field(description="How many stand in each state, whatever was asked for.")

from typing import Any, Literal

from pydantic import Field

from crypto_api.http.paging import PageQuery
from crypto_api.http.schemas.base import Date, Instant, ReadSchema, RequestSchema, Time, Word
from crypto_api.long_reports.documents import LongReport
from crypto_api.long_reports.types import LongReportKind, LongReportStatus
from crypto_api.tasks.documents import Task


class GeneralLedgerOrder(RequestSchema):
    format: Literal["csv", "xlsx", "pdf"] = Field(default="pdf", examples=["pdf"])
    account_code: Word | None = Field(default=None, description="One account; every account with lines when left out.")
    wallet_id: Word | None = None
    asset: Word | None = None
    date_from: Date | None = None
    date_to: Date | None = None
    known_at: Instant | None = Field(default=None, description="What was posted up to this instant; everything when left out.")


class BooksOrder(RequestSchema):
    format: Literal["beancount", "hledger", "csv", "xlsx"] = Field(default="csv", examples=["beancount"])
    at: Date | None = Field(default=None, description="Up to and including this day; everything when left out.")


class TaxFileOrder(RequestSchema):
    format: Literal["csv", "xlsx", "pdf"] = Field(default="pdf", examples=["pdf"])


class LongReportQuery(PageQuery):
    pass


class LongReportRead(ReadSchema):
    """A report that a worker makes, or made."""

    id: str
    report: LongReportKind
    format: str | None = Field(examples=["pdf"], description="Null where its result is no file but a statement or a tax report.")
    title: str = Field(examples=["General ledger, 2026-01-01 to 2026-12-31, PDF"])
    status: LongReportStatus
    progress: int = Field(examples=[40], description="Percent.")
    said: str = Field(examples=["General ledger: 12,000 lines written"], description="What it does at the moment.")
    error: str
    task_id: str
    result_id: str | None = Field(description="Of the statement or the tax report, once it is ready.")
    file_name: str = Field(examples=["general-ledger-all.pdf"])
    size: int = Field(description="Bytes.")
    sha256: str
    requested_by: str
    created_at: Time
    started_at: Time | None
    ended_at: Time | None
    expires_at: Time | None = Field(description="Until when it is kept.")

    @classmethod
    def of(cls, row: LongReport, task: Task | None) -> "LongReportRead":
        same = ("id", "title", "status", "error", "task_id", "result_id", "file_name", "size", "sha256", "requested_by")
        values: dict[str, Any] = {name: getattr(row, name) for name in (*same, "created_at", "started_at", "ended_at", "expires_at")}
        values |= {"report": row.kind, "format": row.wanted.form}
        return cls(**values, progress=task.progress if task is not None else 0, said=task.summary if task is not None else "")

"""A person goes through what waits to be understood: takes what was suggested, or says something else, of one or of many at once."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from crypto_api.classification.types import Category, Suggestion
from crypto_api.flows.annotate_transaction import Annotation, annotate_transaction
from crypto_api.kit.clock import Clock
from crypto_api.kit.errors import NotFound, PreconditionFailed
from crypto_api.receivables.errors import Matched
from crypto_api.transactions import store
from crypto_api.transactions.documents import Transaction
from mongodb_config.unit_of_work import UnitOfWork

AT_ONCE_MAX = 100


class Said(StrEnum):
    DONE = "done"
    CHANGED = "changed"  # meanwhile, by somebody else: it is shown again as it is now
    WITHOUT = "without"  # nothing is suggested of it
    MATCHED = "matched"  # it pays an invoice


@dataclass(frozen=True)
class Wanted:
    """A transaction as the person saw it."""

    row_id: str
    version: int


async def take_suggestions(uow: UnitOfWork, clock: Clock, org_id: str, wanted: Sequence[Wanted]) -> Counter[Said]:
    """What was suggested becomes the person's word. Each by itself: what changed meanwhile does not hold up the others."""
    rows = {row.id: row for row in await store.by_ids(org_id, [one.row_id for one in wanted])}
    done: Counter[Said] = Counter()
    for one in wanted:
        row = rows.get(one.row_id)
        suggestion = Suggestion.model_validate(row.suggestion) if row is not None and row.suggestion else None
        if row is None or suggestion is None:
            done[Said.WITHOUT if row is not None else Said.CHANGED] += 1
            continue
        done[await _say(uow, clock, row, one.version, annotation_of(suggestion))] += 1
    return done


async def say_of_all(uow: UnitOfWork, clock: Clock, org_id: str, wanted: Sequence[Wanted], annotation: Annotation) -> Counter[Said]:
    """The same of each."""
    rows = {row.id: row for row in await store.by_ids(org_id, [one.row_id for one in wanted])}
    done: Counter[Said] = Counter()
    for one in wanted:
        row = rows.get(one.row_id)
        done[Said.CHANGED if row is None else await _say(uow, clock, row, one.version, annotation)] += 1
    return done


def annotation_of(suggestion: Suggestion) -> Annotation:
    """As the person's word. The suggestion's own explanation stays, so that it can still be told what they agreed with."""
    words = {name: value for name in ("subcategory", "counterparty", "purpose", "tax_category") if (value := getattr(suggestion, name))}
    told = f"A person agreed: {suggestion.explanation}"[:2_000]
    return Annotation(category=Category(suggestion.category), explanation=told, **words)


async def _say(uow: UnitOfWork, clock: Clock, row: Transaction, version: int, annotation: Annotation) -> Said:
    try:
        await annotate_transaction(uow, clock, row.org_id, row.id, annotation, [version])
    except (PreconditionFailed, NotFound):
        return Said.CHANGED
    except Matched:
        return Said.MATCHED
    return Said.DONE


def in_words(done: Mapping[Said, int]) -> str:
    """What came of it, for the person who asked."""
    said = [f"{done[Said.DONE]} understood and booked."] if done.get(Said.DONE) else []
    told = {
        Said.CHANGED: "{} changed meanwhile: look again.",
        Said.WITHOUT: "{} without a suggestion stay.",
        Said.MATCHED: "{} pay an invoice and stay: undo the match first.",
    }
    return " ".join([*said, *(text.format(done[what]) for what, text in told.items() if done.get(what))]) or "Nothing was chosen."

"""The verbs of understanding: who is known, what rules the organisation has, what people said, and what a model makes of what nothing decides."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from crypto_api.audit import service as audit
from crypto_api.classification import matching, memory, rules, store
from crypto_api.classification.documents import ClassificationRule, ClassificationRuleVersion, Counterparty, PersonDecision
from crypto_api.classification.errors import TooManyRules
from crypto_api.classification.events import ClassificationRuleAdded, ClassificationRuleChanged, ClassificationRuleDeleted
from crypto_api.classification.types import (
    RULES_MAX,
    Conditions,
    CounterpartyKind,
    Decision,
    Facts,
    LanguageModel,
    NewRule,
    Outcome,
    Precedent,
    Provenance,
)
from crypto_api.events import service as events
from crypto_api.kit.errors import InvalidInput, NotFound, PreconditionFailed
from crypto_api.kit.ethereum import parse_address
from crypto_api.kit.ids import new_id
from mongodb_config.base_document import encoded
from mongodb_config.unit_of_work import Session

Versions = Collection[int] | None
_SAID = frozenset({"name", "conditions", "outcome"})


async def add_counterparty(session: Session, org_id: str, *, address: str, name: str, kind: CounterpartyKind, now: datetime) -> Counterparty:
    """Makes an address known; one that already is stays as it is. ValueError when it is no address."""
    checked = parse_address(address)
    if (row := await store.by_address(org_id, checked, session)) is not None:
        return row
    row = Counterparty(id=new_id("cpt"), created_at=now, org_id=org_id, address=checked, name=name, kind=kind)
    await store.insert(session, row)
    return row


# ---- rules -----------------------------------------------------------------------------------------------------------------------


def check(conditions: Conditions, outcome: Outcome) -> None:
    """InvalidInput naming the field of a rule that makes no sense."""
    fault = matching.fault_of(conditions, outcome)
    if fault is not None:
        raise InvalidInput.of(*fault)


async def add_rule(session: Session, org_id: str, new: NewRule, by: str, now: datetime) -> ClassificationRule:
    """Last in the order. InvalidInput, TooManyRules."""
    check(new.conditions, new.outcome)
    there = await store.rules(org_id, session)
    if len(there) >= RULES_MAX:
        raise TooManyRules
    row = ClassificationRule(
        id=new_id("crl"),
        created_at=now,
        org_id=org_id,
        name=new.name,
        conditions=new.conditions,
        outcome=new.outcome,
        position=len(there) + 1,
        enabled=new.enabled,
        created_by=by,
        updated_by=by,
        updated_at=now,
    )
    await store.insert_rule(session, row, _version(row, by, now))
    await events.append(session, org_id, ClassificationRuleAdded(rule_id=row.id), now)
    await _record(session, "added", f"The classification rule {row.name} was added.", now, None, row)
    return row


def _version(row: ClassificationRule, by: str, now: datetime) -> ClassificationRuleVersion:
    return ClassificationRuleVersion(
        id=f"{row.id}@{row.said}",
        created_at=now,
        org_id=row.org_id,
        rule_id=row.id,
        number=row.said,
        name=row.name,
        conditions=row.conditions,
        outcome=row.outcome,
        by=by,
    )


async def change_rule(
    session: Session, org_id: str, rule_id: str, fields: Mapping[str, Any], by: str, now: datetime, expected: Versions
) -> ClassificationRule:
    """Sets `fields` of name, conditions, outcome and enabled. What was decided by it before stays, and names the version that decided it. NotFound,
    PreconditionFailed, InvalidInput."""
    before = await _expected(session, org_id, rule_id, expected)
    changes: dict[str, Any] = {name: value for name, value in fields.items() if getattr(before, name) != value}
    if not changes:
        return before
    wanted: ClassificationRule = before.model_copy(update=changes)
    check(wanted.conditions, wanted.outcome)
    says_else = bool(changes.keys() & _SAID)
    stored = {name: encoded(value) if name in ("conditions", "outcome") else value for name, value in changes.items()}
    stored |= {"updated_by": by, "updated_at": now, "said": before.said + says_else}
    after = await store.change_rule(session, org_id, rule_id, before.version, stored)
    if after is None:
        raise PreconditionFailed
    if says_else:
        await store.insert_version(session, _version(after, by, now))
    await events.append(session, org_id, ClassificationRuleChanged(rule_id=rule_id), now)
    await _record(session, "changed", f"The classification rule {after.name} was changed.", now, before, after)
    return after


async def order_rules(session: Session, org_id: str, rule_ids: Sequence[str], now: datetime) -> list[ClassificationRule]:
    """All of them in this order. InvalidInput where one is missing, unknown or named twice: it was added or deleted meanwhile."""
    there = {row.id: row for row in await store.rules(org_id, session)}
    if sorted(rule_ids) != sorted(there):
        raise InvalidInput.of("rule_ids", "must name each rule of the organisation once: get them again", "other_rules")
    moved = {rule_id: position for position, rule_id in enumerate(rule_ids, 1) if there[rule_id].position != position}
    await store.place_rules(session, org_id, moved)
    for rule_id in moved:
        await events.append(session, org_id, ClassificationRuleChanged(rule_id=rule_id), now)
    if moved:
        names = {"order": [there[rule_id].name for rule_id in rule_ids]}
        summary = "The order of the classification rules was changed."
        await audit.record(session, org_id, "classification_rules.ordered", summary, now, subject=("classification_rules", ""), after=names)
    return await store.rules(org_id, session)


async def delete_rule(session: Session, org_id: str, rule_id: str, now: datetime, expected: Versions) -> None:
    """What it decided stays, and its versions do. NotFound, PreconditionFailed."""
    before = await _expected(session, org_id, rule_id, expected)
    if not await store.delete_rule(session, org_id, rule_id, before.version):
        raise PreconditionFailed
    left = await store.rules(org_id, session)
    await store.place_rules(session, org_id, {row.id: place for place, row in enumerate(left, 1) if row.position != place})
    await events.append(session, org_id, ClassificationRuleDeleted(rule_id=rule_id), now)
    await _record(session, "deleted", f"The classification rule {before.name} was deleted.", now, before, None)


async def _expected(session: Session, org_id: str, rule_id: str, expected: Versions) -> ClassificationRule:
    row = await store.rule(org_id, rule_id, session)
    if row is None:
        raise NotFound
    if expected is not None and row.version not in expected:
        raise PreconditionFailed
    return row


async def _record(
    session: Session, what: str, summary: str, now: datetime, before: ClassificationRule | None, after: ClassificationRule | None
) -> None:
    row = after or before
    assert row is not None
    was, became = (_told(one) if one is not None else None for one in (before, after))
    subject = ("classification_rule", row.id)
    await audit.record(session, row.org_id, f"classification_rule.{what}", summary, now, subject=subject, before=was, after=became)


def _told(row: ClassificationRule) -> dict[str, Any]:
    said = {name: getattr(row, name).model_dump(mode="json", exclude_defaults=True) for name in ("conditions", "outcome")}
    return {"name": row.name, "enabled": row.enabled, "position": row.position} | said


# ---- memory ----------------------------------------------------------------------------------------------------------------------


async def remember(session: Session, org_id: str, transaction_id: str, facts: Facts, outcome: Outcome, now: datetime) -> None:
    """What a person said teaches the next one. What a rule could not say either is not learnt, and takes back what was."""
    traits = memory.traits_of(facts)
    if traits is None or outcome.category not in memory.LEARNT:
        await store.forget(session, org_id, transaction_id)
        return
    row = PersonDecision(id=transaction_id, created_at=now, org_id=org_id, traits=traits, outcome=outcome, at=now)
    await store.remember(session, row)


async def precedents(org_id: str, transaction_id: str, facts: Facts) -> tuple[Precedent, ...]:
    """Of what people said, all that can be alike, never what they said of the transaction itself."""
    traits = memory.traits_of(facts)
    if traits is None:
        return ()
    method = traits.method if traits.method not in memory.PLAIN_METHODS else None
    return tuple(row.pure() for row in await store.precedents(org_id, traits.parties, method, transaction_id))


# ---- the model -------------------------------------------------------------------------------------------------------------------


async def suggest(model: LanguageModel, facts: Facts) -> Decision | None:
    """What the model would call it; None when it has no usable answer. It never sees more than the facts and can only name a label."""
    question = rules.question(facts)
    said = await model.ask(system=rules.SYSTEM, prompt=question.prompt, schema=question.schema)
    decided = None if said is None else rules.read_answer(said.fields, question, model.name)
    if said is None or decided is None:
        return None
    provenance = Provenance(model=model.name, model_digest=said.digest, prompt_hash=said.prompt_hash, duration_ms=said.duration_ms)
    return decided.model_copy(update={"provenance": provenance})

"""Every query of the slice."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from pymongo import ReturnDocument, UpdateOne

from crypto_api.classification.documents import ClassificationRule, ClassificationRuleVersion, Counterparty, PersonDecision
from crypto_api.classification.types import CounterpartyKind, Outcome, Traits
from mongodb_config.base_document import encoded
from mongodb_config.client import Database
from mongodb_config.parts import in_parts
from mongodb_config.unit_of_work import Session

_PRECEDENTS_MAX = 50  # of one kind: the latest


async def known(org_id: str) -> dict[str, tuple[str, CounterpartyKind]]:
    """Address (EIP-55) → (name, kind) of every counterparty."""
    rows = await Counterparty.find({"org_id": org_id}).to_list()
    return {row.address: (row.name, row.kind) for row in rows}


async def named(org_id: str, addresses: Collection[str]) -> list[tuple[str, str]]:
    """(address, name) of the counterparties among these addresses (EIP-55)."""
    found: list[tuple[str, str]] = []
    for part in in_parts(sorted(addresses)):
        found += [(row.address, row.name) for row in await Counterparty.find({"org_id": org_id, "address": {"$in": part}}).to_list()]
    return found


async def by_address(org_id: str, address: str, session: Session) -> Counterparty | None:
    return await Counterparty.find_one({"org_id": org_id, "address": address}, session=session)


async def insert(session: Session, row: Counterparty) -> None:
    await row.insert(session=session)


# ---- rules -----------------------------------------------------------------------------------------------------------------------


async def rules(org_id: str, session: Session | None = None) -> list[ClassificationRule]:
    """In their order."""
    return await ClassificationRule.find({"org_id": org_id}, session=session).sort("+position").to_list()


async def rule(org_id: str, rule_id: str, session: Session | None = None) -> ClassificationRule | None:
    return await ClassificationRule.find_one({"_id": rule_id, "org_id": org_id}, session=session)


async def insert_rule(session: Session, row: ClassificationRule, version: ClassificationRuleVersion) -> None:
    await row.insert(session=session)
    await version.insert(session=session)


async def insert_version(session: Session, version: ClassificationRuleVersion) -> None:
    await version.insert(session=session)


async def versions(org_id: str, rule_id: str) -> list[ClassificationRuleVersion]:
    """The latest first."""
    return await ClassificationRuleVersion.find({"org_id": org_id, "rule_id": rule_id}).sort("-number").to_list()


async def change_rule(session: Session, org_id: str, rule_id: str, version: int, changes: Mapping[str, Any]) -> ClassificationRule | None:
    """None when it is not at that version any more."""
    found = await ClassificationRule.get_pymongo_collection().find_one_and_update(
        {"_id": rule_id, "org_id": org_id, "version": version},
        {"$set": dict(changes), "$inc": {"version": 1}},
        session=session,
        return_document=ReturnDocument.AFTER,
    )
    return ClassificationRule.model_validate(found) if found is not None else None


async def place_rules(session: Session, org_id: str, positions: Mapping[str, int]) -> None:
    """Rule id → position."""
    if positions:
        changes = [
            UpdateOne({"_id": rule_id, "org_id": org_id}, {"$set": {"position": position}, "$inc": {"version": 1}})
            for rule_id, position in positions.items()
        ]
        await ClassificationRule.get_pymongo_collection().bulk_write(changes, session=session)


async def delete_rule(session: Session, org_id: str, rule_id: str, version: int) -> bool:
    done = await ClassificationRule.get_pymongo_collection().delete_one({"_id": rule_id, "org_id": org_id, "version": version}, session=session)
    return done.deleted_count == 1


# ---- what people said ------------------------------------------------------------------------------------------------------------


async def precedents(org_id: str, parties: Collection[str], method: str | None, without: str) -> list[PersonDecision]:
    """With any of these parties or, unless it is None, this method; the latest of each, never what was said of the transaction itself."""
    found: dict[str, PersonDecision] = {}
    wanted: list[dict[str, Any]] = [{"traits.parties": {"$in": sorted(parties)}}]
    if method is not None:
        wanted.append({"traits.method": method})
    for where in wanted:
        rows = await PersonDecision.find({"org_id": org_id, **where}).sort("-at").limit(_PRECEDENTS_MAX + 1).to_list()
        found |= {row.id: row for row in rows if row.id != without}
    return list(found.values())


async def remember(session: Session, row: PersonDecision) -> None:
    """The last word about a transaction takes the place of the one before."""
    values = encoded(row)
    await PersonDecision.get_pymongo_collection().replace_one({"_id": row.id, "org_id": row.org_id}, values, upsert=True, session=session)


async def remember_earlier(database: Database, org_id: str, transaction_id: str, traits: Traits, outcome: Outcome, at: datetime) -> None:
    """For the deploy step, when no document is ready. What was said since stays."""
    said = {"created_at": at, "traits": encoded(traits), "outcome": encoded(outcome), "at": at}
    key = {"_id": transaction_id, "org_id": org_id}
    await database[PersonDecision.Settings.name].update_one(key, {"$setOnInsert": said}, upsert=True)


async def forget(session: Session, org_id: str, transaction_id: str) -> None:
    await PersonDecision.get_pymongo_collection().delete_one({"_id": transaction_id, "org_id": org_id}, session=session)

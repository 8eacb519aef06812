"""Nothing in the product updates or deletes the audit log or the seals of the journal: read from the source here, watched at the driver in every
test (tests/tenant_guard.py), and refused by the database to the product's role (mongodb_config/scripts/roles.js)."""

import ast
from pathlib import Path
from typing import Any

import pytest

from crypto_api.audit.documents import AuditRecord, AuditSeal
from crypto_api.ledger.documents import EntrySeal, PeriodCertificate, SealAnchor
from tests.architecture.reading import ROOT, called_methods, python_files, where
from tests.tenant_guard import APPEND_ONLY, faults_of, single

KEPT = {AuditRecord.__name__, AuditSeal.__name__, EntrySeal.__name__, PeriodCertificate.__name__, SealAnchor.__name__}
ALLOWED = {"find", "find_one", "insert", "insert_many", "get_pymongo_collection"}  # of the documents; behind the last, what stands below
ALLOWED_OF_COLLECTION = {"find", "find_one"}
STORE = ROOT / "crypto_api" / "audit" / "store.py"
LISTED = {ROOT / "crypto_api" / "documents.py", ROOT / "crypto_api" / "audit" / "documents.py", ROOT / "crypto_api" / "ledger" / "documents.py"}


def faults_of_source(path: Path, source: str) -> list[str]:
    """Uses of the documents that are neither a read nor an insert, and names of their collections outside the documents."""
    tree, faults = ast.parse(source), []
    for name, call in called_methods(tree):
        target = call.func.value if isinstance(call.func, ast.Attribute) else None
        if isinstance(target, ast.Name) and target.id in KEPT and name not in ALLOWED:
            faults.append(f"{where(path)}:{call.lineno} {target.id}.{name}")
        if isinstance(target, ast.Call) and _is_collection(target) and name not in ALLOWED_OF_COLLECTION:
            faults.append(f"{where(path)}:{call.lineno} collection of {_document(target)}: {name}")
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.NamedExpr) and isinstance(node.value, ast.Call) and _is_collection(node.value):
            faults.append(f"{where(path)}:{node.lineno} the collection of {_document(node.value)} under another name")
        if isinstance(node, ast.Constant) and node.value in APPEND_ONLY and path not in LISTED:
            faults.append(f"{where(path)}:{node.lineno} names {node.value}")
    return faults


def _is_collection(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute) and call.func.attr == "get_pymongo_collection" and _document(call) in KEPT


def _document(call: ast.Call) -> str:
    target = call.func.value if isinstance(call.func, ast.Attribute) else None
    return target.id if isinstance(target, ast.Name) else ""


def test_the_audit_log_is_inserted_and_read_and_nothing_else() -> None:
    assert [fault for path in python_files() for fault in faults_of_source(path, path.read_text())] == []


def test_only_its_store_asks_the_database_for_it() -> None:
    asking = {
        where(path)
        for path in python_files()
        for name, call in called_methods(ast.parse(path.read_text()))
        if isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Name) and call.func.value.id in KEPT
    }
    ledger = ROOT / "crypto_api" / "ledger"  # seals go through mongodb_config/seal_chain.py
    assert asking == {where(STORE), where(ledger / "period_store.py"), where(ledger / "anchor_store.py")}


def test_the_check_finds_bad_code() -> None:
    source = """
await AuditRecord.find({"org_id": org_id}).to_list()
await AuditRecord.get_pymongo_collection().find_one({})
await AuditSeal.insert_many(rows, session=session)
await AuditRecord.find_one({}).update({})
await AuditRecord.delete_all()
await AuditSeal.get_pymongo_collection().update_one({}, {})
await AuditRecord.get_pymongo_collection().bulk_write([])
rows = AuditRecord.get_pymongo_collection()
await database["audit_records"].drop()
await Wallet.delete_all()
"""
    assert faults_of_source(Path("bad.py"), source) == [
        "bad.py:6 AuditRecord.delete_all",
        "bad.py:7 collection of AuditSeal: update_one",
        "bad.py:8 collection of AuditRecord: bulk_write",
        "bad.py:9 the collection of AuditRecord under another name",
        "bad.py:10 names audit_records",
    ]


ORG = {"org_id": "org_1"}


@pytest.mark.parametrize(
    ("name", "command", "faulty"),
    [
        ("find", {"find": "wallets", "filter": ORG}, False),
        ("find", {"find": "wallets", "filter": {"_id": "wal_1"}}, True),
        ("find", {"find": "wallets", "filter": {"$or": [ORG, {"active": True}]}}, True),
        ("find", {"find": "wallets", "filter": {"$and": [ORG, {"active": True}]}}, False),
        ("find", {"find": "wallets", "filter": {"org_id": {"$ne": None}}}, True),
        ("find", {"find": "wallets", "filter": {"org_id": {"$in": ["org_1"]}}}, False),
        ("find", {"find": "users", "filter": {}}, False),
        ("count", {"count": "wallets", "query": {}}, True),
        ("distinct", {"distinct": "wallets", "key": "name", "query": {}}, True),
        ("findAndModify", {"findAndModify": "wallets", "query": {"_id": "wal_1"}, "update": {"$set": {"name": "x"}}}, True),
        ("findAndModify", {"findAndModify": "wallets", "query": ORG, "update": {"$set": {"name": "x"}}}, False),
        ("findAndModify", {"findAndModify": "wallets", "query": ORG, "update": {"$set": {"org_id": "org_2"}}}, True),
        ("findAndModify", {"findAndModify": "wallets", "query": ORG, "remove": True}, False),
        ("update", {"update": "wallets", "updates": [{"q": ORG, "u": {"$set": {"name": "x"}}}, {"q": {}, "u": {"$set": {"name": "x"}}}]}, True),
        ("update", {"update": "wallets", "updates": [{"q": ORG, "u": {"$setOnInsert": ORG, "$set": {"name": "x"}}}]}, False),
        ("update", {"update": "wallets", "updates": [{"q": ORG, "u": {"$unset": {"org_id": ""}}}]}, True),
        ("update", {"update": "wallets", "updates": [{"q": ORG, "u": {"$rename": {"name": "org_id"}}}]}, True),
        ("update", {"update": "wallets", "updates": [{"q": ORG, "u": {"org_id": "org_2", "name": "x"}}]}, True),
        ("update", {"update": "wallets", "updates": [{"q": ORG, "u": {"org_id": "org_1", "name": "x"}}]}, False),
        ("update", {"update": "wallets", "updates": [{"q": ORG, "u": [{"$set": {"org_id": "org_2"}}]}]}, True),
        ("update", {"update": "wallets", "updates": [{"q": ORG, "u": [{"$replaceWith": "$other"}]}]}, True),
        ("update", {"update": "wallets", "updates": [{"q": ORG, "u": [{"$set": {"name": "x"}}]}]}, False),
        ("delete", {"delete": "wallets", "deletes": [{"q": {"_id": "wal_1"}}]}, True),
        ("insert", {"insert": "wallets", "documents": [{"_id": "wal_1"}]}, True),
        ("insert", {"insert": "wallets", "documents": [{"_id": "wal_1", **ORG}]}, False),
        ("aggregate", {"aggregate": "wallets", "pipeline": []}, True),
        ("aggregate", {"aggregate": "wallets", "pipeline": [{"$group": {}}, {"$match": ORG}]}, True),
        ("aggregate", {"aggregate": "wallets", "pipeline": [{"$match": ORG}]}, False),
        ("aggregate", {"aggregate": "users", "pipeline": [{"$lookup": {"from": "wallets", "localField": "a", "foreignField": "b"}}]}, True),
        ("aggregate", {"aggregate": "users", "pipeline": [{"$lookup": {"from": "wallets", "pipeline": [{"$match": ORG}], "as": "c"}}]}, False),
        ("aggregate", {"aggregate": "users", "pipeline": [{"$lookup": {"from": "sessions", "pipeline": [{"$unionWith": "wallets"}]}}]}, True),
        ("aggregate", {"aggregate": "wallets", "pipeline": [{"$match": ORG}, {"$unionWith": {"coll": "transactions", "pipeline": []}}]}, True),
        ("aggregate", {"aggregate": "wallets", "pipeline": [{"$match": ORG}, {"$facet": {"x": [{"$unionWith": "events"}]}}]}, True),
        ("aggregate", {"aggregate": "users", "pipeline": [{"$graphLookup": {"from": "employees", "restrictSearchWithMatch": ORG}}]}, False),
        ("aggregate", {"aggregate": "users", "pipeline": [{"$graphLookup": {"from": "employees"}}]}, True),
        ("aggregate", {"aggregate": "wallets", "pipeline": [{"$match": ORG}, {"$merge": {"into": "audit_records"}}]}, True),
        ("aggregate", {"aggregate": "wallets", "pipeline": [{"$match": ORG}, {"$out": "elsewhere"}]}, True),
        ("bulkWrite", {"bulkWrite": 1, "nsInfo": [{"ns": "db.wallets"}], "ops": [{"delete": 0, "filter": {}}]}, True),
        (
            "bulkWrite",
            {"bulkWrite": 1, "nsInfo": [{"ns": "d.users"}, {"ns": "d.wallets"}], "ops": [{"update": 1, "filter": ORG, "updateMods": {"$set": ORG}}]},
            True,
        ),
        ("bulkWrite", {"bulkWrite": 1, "nsInfo": [{"ns": "db.wallets"}], "ops": [{"insert": 0, "document": ORG}]}, False),
        ("insert", {"insert": "audit_records", "documents": [ORG]}, False),
        ("update", {"update": "audit_records", "updates": [{"q": ORG, "u": {"$set": {"summary": "x"}}}]}, True),
        ("delete", {"delete": "audit_seals", "deletes": [{"q": ORG}]}, True),
        ("findAndModify", {"findAndModify": "audit_records", "query": ORG, "remove": True}, True),
        ("drop", {"drop": "audit_records"}, True),
        ("bulkWrite", {"bulkWrite": 1, "nsInfo": [{"ns": "db.audit_records"}], "ops": [{"delete": 0, "filter": ORG}]}, True),
    ],
)  # fmt: skip
def test_the_guard_at_the_driver_knows_what_is_wrong(name: str, command: dict[str, Any], faulty: bool) -> None:
    found = [fault for kind, one in single(name, command) for fault in faults_of(kind, one)]
    assert bool(found) is faulty, found

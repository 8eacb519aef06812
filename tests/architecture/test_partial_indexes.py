"""An index of the rows that have a text in a field serves only a query that says so: else, however few rows it finds, all are looked through."""

import ast
from collections.abc import Iterator

from crypto_api.documents import DOCUMENTS
from tests.architecture.reading import ROOT


def fields_by_slice() -> dict[str, set[str]]:
    """slice → fields that a partial index has where they are text, and no other index of the slice from its first field on."""
    found, beside = dict[str, set[str]](), dict[str, set[str]]()
    for document in DOCUMENTS:
        folder = document.__module__.split(".")[1]
        for model in vars(document.Settings).get("indexes", []):
            keys, condition = list(model.document["key"]), model.document.get("partialFilterExpression", {})
            if list(condition.values()) == [{"$type": "string"}]:
                found.setdefault(folder, set()).update(condition)
            else:
                beside.setdefault(folder, set()).update(keys)
    return {folder: fields - beside.get(folder, set()) for folder, fields in found.items()}


def silent(source: str, fields: set[str], inside: str = "") -> Iterator[str]:
    """Filters that compare one of the fields with a value and do not say its type."""

    def walk(node: ast.AST, stored: bool) -> Iterator[str]:
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                name = key.value if isinstance(key, ast.Constant) else None
                plain = isinstance(value, ast.Name | ast.Attribute | ast.Constant) and getattr(value, "value", "") is not None
                if plain and name in fields and not stored:
                    yield f"{inside}:{node.lineno} {name}"
                yield from walk(value, stored or name in ("$set", "$setOnInsert"))
            return
        for child in ast.iter_child_nodes(node):
            yield from walk(child, stored)

    yield from walk(ast.parse(source), False)


def test_whoever_asks_by_such_a_field_says_that_it_is_text() -> None:
    fields = fields_by_slice()
    assert {"dashboard_hash", "family_hash"} <= fields["identity"]
    assert "verify_token" in fields["payroll"]
    found = [
        fault
        for folder, names in fields.items()
        for path in sorted((ROOT / "crypto_api" / folder).glob("*store*.py"))
        for fault in silent(path.read_text(), names, str(path.relative_to(ROOT)))
    ]
    assert found == []


def test_a_filter_that_does_not_say_so_is_found_and_what_is_stored_is_none() -> None:
    source = (
        'a = {"x": 1, "token": token}\nb = {"token": {"$eq": token, "$type": "string"}}\nc = {"$set": {"token": token}}\nd = [{"token": row.token}]'
    )
    assert list(silent(source, {"token"}, "s")) == ["s:1 token", "s:4 token"]

"""The first page of a list is read along an index, in the order in which it is shown: what it costs does not grow with what the organisation has.

The commands are judged by the indexes of the documents, not by the plan of one database: a server may choose worse, and never better than there is.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

import pytest
from pymongo.monitoring import CommandStartedEvent

from crypto_api.documents import DOCUMENTS
from mongodb_config.measuring import CommandTimes
from tests.http.conftest import Join

FILTERED = (
    "/api/payments/?state=PENDING_APPROVAL",
    "/api/transactions/?category=unclassified",
    "/api/transactions/?wallet_id=wal_1",
    "/api/inbox/?state=open",
    "/api/invoices/?client_id=cli_1",
    "/api/receipts/?state=open",
    "/api/audit-log/?actor_id=usr_1",
)
"""With a filter that a page opens with, or that whoever has much chooses first: it has to be in the index as well."""
FEW = {
    "sessions": "of one person, and each ends after days",
    "invitations": "as many as people were asked",
    "companies": "of an organisation",
    "accounts": "a chart, which is a thousand rows at most",
    "contracts": "brought by hand",
    "seal_anchors": "one a day",
    "payroll_periods": "some a month",
    "tax_tables": "some a year",
}
"""Collections that are sorted in memory for a page, and why nobody has so many that it is felt."""


@dataclass(frozen=True)
class Asked:
    path: str
    collection: str
    where: tuple[tuple[str, Any], ...]
    order: tuple[tuple[str, int], ...]

    @property
    def equal(self) -> dict[str, Any]:
        return {name: value for name, value in self.where if not isinstance(value, Mapping) or len(value.get("$in", (1, 2))) < 2}

    def __str__(self) -> str:
        fields, order = (", ".join(names) for names in ([name for name, _ in self.where], [f"{name} {int(way)}" for name, way in self.order]))
        return f"{self.path}: {self.collection} by {fields}, in the order of {order}"


def conditions(where: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in where.items():
        if name == "$and":
            for part in value:
                yield from conditions(part)
        else:
            yield name, value


def page_of(path: str, command: Mapping[str, Any]) -> Asked | None:
    """What is asked where it is a page of a list: so many rows at most, in an order."""
    if not command.get("limit", 0) > 1 or not command.get("sort"):
        return None
    return Asked(path, command["find"], tuple(conditions(command["filter"])), tuple(command["sort"].items()))


def runs_along(asked: Asked, index: Mapping[str, Any]) -> bool:
    """Whether the rows stand in the index together and in their order, read forwards or backwards."""
    key, part = list(index["key"].items()), index.get("partialFilterExpression", {})
    pinned = list(takewhile(lambda name: name in asked.equal, (name for name, _ in key)))
    following = key[len(pinned) : len(pinned) + len(asked.order)]
    return (
        all(asked.equal.get(name) == value for name, value in part.items())
        and bool(pinned or not asked.where)
        and [name for name, _ in following] == [name for name, _ in asked.order]
        and len({shown * kept for (_, shown), (_, kept) in zip(asked.order, following, strict=True)}) == 1
        and (asked.path not in FILTERED or asked.equal.keys() <= {*pinned, *part})
    )


def has_index(asked: Asked) -> bool:
    settings = next(vars(document.Settings) for document in DOCUMENTS if vars(document.Settings)["name"] == asked.collection)
    return any(runs_along(asked, model.document) for model in settings.get("indexes", []))


async def test_the_first_page_of_each_list_is_read_along_an_index(join: Join, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = await join("ada", founds="Byron Treasury")
    operations = (await ada.http.get("/api/openapi.json")).json()["paths"]
    lists = [path for path, methods in operations.items() if "get" in methods and "{" not in path]
    asked: dict[tuple[str, str], Asked] = {}
    path = ""

    def started(_: CommandTimes, event: CommandStartedEvent) -> None:
        if event.command_name == "find" and (page := page_of(path, event.command)) is not None:
            asked.setdefault((page.collection, str(page)), page)

    monkeypatch.setattr(CommandTimes, "started", started)
    for path in (*lists, *FILTERED):
        answer = await ada.http.get(path)
        assert answer.status_code in (200, 403, 404, 422), f"{path}: {answer.text}"
        assert answer.status_code == 200 or path not in FILTERED, f"{path}: {answer.text}"
    pages = list(asked.values())
    assert {page.path for page in pages} >= set(FILTERED)
    assert len({page.collection for page in pages}) > 30
    assert "\n".join(str(page) for page in pages if page.collection not in FEW and not has_index(page)) == ""
    assert {page.collection for page in pages if not has_index(page)} == set(FEW), "what has an index needs no reason"


@pytest.mark.parametrize(
    ("key", "runs"),
    [
        ({"org_id": 1, "state": 1, "_id": -1}, True),
        ({"org_id": 1, "state": 1, "_id": 1}, True),  # backwards
        ({"org_id": 1, "state": 1, "created_at": -1}, False),
        ({"org_id": 1, "_id": -1}, False),  # through all of other states
        ({"_id": -1}, False),  # through those of other organisations
        ({"org_id": 1, "kind": 1, "state": 1, "_id": -1}, False),
    ],
)
def test_what_an_index_has_to_be_like(key: dict[str, int], runs: bool) -> None:
    asked = page_of(
        FILTERED[0], {"find": "payments", "filter": {"$and": [{"org_id": "org_1"}, {"state": "DRAFT"}]}, "sort": {"_id": -1}, "limit": 51}
    )
    assert asked is not None and runs_along(asked, {"key": key}) is runs

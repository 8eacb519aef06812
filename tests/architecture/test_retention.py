"""How long each thing is kept is decided (`docs/security/retention.toml`), and the database and the code do it."""

import tomllib
from collections import Counter
from datetime import timedelta
from importlib import import_module
from typing import Any

from crypto_api.documents import DOCUMENTS
from tests.architecture.reading import ROOT

SHEET = ROOT / "docs" / "security" / "retention.toml"


def sheet() -> dict[str, Any]:
    return tomllib.loads(SHEET.read_text())


def expiries() -> dict[str, int]:
    """Seconds after which the database itself deletes, by collection."""
    found = {}
    for document in DOCUMENTS:
        settings = vars(document.Settings)
        for index in settings.get("indexes", []):
            if "expireAfterSeconds" in index.document:
                found[settings["name"]] = index.document["expireAfterSeconds"]
    return found


def test_every_collection_has_its_time() -> None:
    told = sheet()
    names = [row["collection"] for row in told["deleted_by_time"]] + [*told["deleted_by_work"], *told["evidence"], *told["present"]]
    assert [name for name, count in Counter(names).items() if count > 1] == []
    assert set(names) == {vars(document.Settings)["name"] for document in DOCUMENTS}


def test_what_is_told_is_done_by_the_database() -> None:
    rows, indexes = {row["collection"]: row for row in sheet()["deleted_by_time"]}, expiries()
    assert rows.keys() == indexes.keys()
    for name, row in rows.items():
        assert row["from"]
        if (constant := row.get("constant")) is None:
            assert indexes[name] == row["days"] * 86_400, name
        else:  # the moment is written into the row, and the figure is added there
            module, _, figure = constant.partition(":")
            assert getattr(import_module(module), figure) == timedelta(days=row["days"]) and indexes[name] == 0, name


def test_what_is_told_is_done_by_the_code() -> None:
    names = {vars(document.Settings)["name"]: document.__name__ for document in DOCUMENTS}
    for collection, module in sheet()["deleted_by_work"].items():
        text = (ROOT / f"{module.replace('.', '/')}.py").read_text()
        assert names[collection] in text and ("delete_many(" in text or "delete_all(" in text), collection

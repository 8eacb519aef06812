"""Every event is named, permitted and described by a committed schema; so is the API."""

import re
from pathlib import Path
from typing import ClassVar

import django
import pytest

from crypto_api.events.types import DomainEvent
from crypto_api.organizations.types import Permission
from crypto_project import schemas


def faults_of(events: dict[str, type[DomainEvent]]) -> list[str]:
    faults = []
    for kind, event in events.items():
        if not re.fullmatch(r"[a-z_]+\.[a-z_]+", kind):
            faults.append(f"{kind}: is not noun.past_participle")
        if str(getattr(event, "permission", "")) not in set(map(str, Permission)):
            faults.append(f"{kind}: permission {getattr(event, 'permission', None)} is none")
    return faults


def test_events_are_named_and_permitted() -> None:
    events = schemas.domain_events()
    assert len(events) > 10
    assert faults_of(events) == []


def test_committed_schemas_are_those_of_the_code() -> None:
    """When this fails after an intended change: `python3 manage.py export_schemas`, and look at the difference before committing it."""
    django.setup()
    files = schemas.committed_files()
    assert [path.name for path, text in files.items() if not path.exists() or path.read_text() != text] == []
    assert set((schemas.DOCS / "events").glob("*.json")) == {path for path in files if path.parent.name == "events"}


def test_the_checks_find_bad_events(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Happened(DomainEvent):
        kind: ClassVar[str] = "Happened"
        permission: ClassVar[str] = "everything.read"

    assert faults_of({"Happened": Happened}) == ["Happened: is not noun.past_participle", "Happened: permission everything.read is none"]
    monkeypatch.setattr(schemas, "DOCS", tmp_path)
    monkeypatch.setattr(schemas, "domain_events", dict)
    with pytest.raises(AssertionError):
        test_committed_schemas_are_those_of_the_code()

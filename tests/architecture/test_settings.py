"""Django without a database; settings that are documented."""

import re

import django
import pytest
from django.apps import apps
from django.conf import settings

from crypto_api.config import Config
from crypto_project.embedded.servers import Configured
from signer.settings import DeskSettings, VaultSettings
from tests.architecture.reading import ROOT

WITH_TABLES = {"admin", "auth", "contenttypes", "sessions", "sites"}


def documented(text: str) -> dict[str, str]:
    """Setting to the comment above it; "" where there is none. A setting may itself be commented out."""
    found, comment = {}, ""
    for line in text.splitlines():
        if match := re.fullmatch(r"#?([A-Z][A-Z0-9_]+)=.*", line):
            found[match[1]] = comment
            continue
        comment = line.lstrip("# ") if line.startswith("#") else ""
    return found


def test_django_has_no_database() -> None:
    django.setup()
    engines = {database["ENGINE"] for database in settings.DATABASES.values()}  # Django itself fills an empty one with its dummy
    assert engines <= {"django.db.backends.dummy"}
    assert {app.label for app in apps.get_app_configs()} & WITH_TABLES == set()
    assert list(apps.get_models()) == []


def test_every_setting_is_in_the_example_with_a_sentence_and_nothing_else() -> None:
    known = {name.upper() for model in (Config, Configured, DeskSettings, VaultSettings) for name in model.model_fields}
    found = documented((ROOT / ".env.example").read_text())
    assert set(found) == known
    assert [name for name, comment in found.items() if not comment.endswith(".")] == []


def test_the_example_copied_as_it_is_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in documented((ROOT / ".env.example").read_text()):
        monkeypatch.delenv(name, raising=False)
    secret = "x" * 32
    assert Config(_env_file=ROOT / ".env.example", secret_key=secret) == Config(_env_file=None, secret_key=secret)  # type: ignore[arg-type]
    assert DeskSettings(_env_file=ROOT / ".env.example") == DeskSettings(_env_file=None)
    assert Configured(_env_file=ROOT / ".env.example").mongodb_uri is None


def test_the_reader_tells_a_setting_without_a_sentence() -> None:
    assert documented("# What it is.\nONE=1\nTWO=2\n\n# Not set.\n#THREE=\n") == {"ONE": "What it is.", "TWO": "What it is.", "THREE": "Not set."}
    assert documented("# What it is.\n\nALONE=1\n") == {"ALONE": ""}

"""What somebody is told to type in the night is there: commands with their options, operations, collections, settings, words of the log."""

import importlib
import json
import re
from argparse import ArgumentParser
from functools import cache

from django.core.management.base import BaseCommand

from crypto_api.config import Config
from crypto_api.documents import DOCUMENTS
from signer.settings import DeskSettings, VaultSettings
from tests.architecture.reading import ROOT

PAGES = {name: (ROOT / "docs" / f"{name}.md").read_text() for name in ("runbooks", "operations")}
HANDED_ON = {"test", "chaos", "simulate", "fuzz"}  # to programs of the tests, which read the options
SETTINGS = {name.upper() for model in (Config, DeskSettings, VaultSettings) for name in model.model_fields}


@cache
def parser_of(command: str) -> ArgumentParser:
    module = importlib.import_module(f"crypto_project.management.commands.{command}")
    made: BaseCommand = module.Command()
    return made.create_parser("manage.py", command)


def test_every_command_has_the_options_that_the_pages_name() -> None:
    named = [(page, *found) for page, text in PAGES.items() for found in re.findall(r"manage\.py (\w+)((?: [^`\n]*)?)", text)]
    assert len(named) > 20
    unknown = []
    for page, command, rest in named:
        if command in HANDED_ON:
            continue
        known = {option for action in parser_of(command)._actions for option in action.option_strings}
        unknown += [(page, command, option) for option in re.findall(r"--[a-z-]+", rest.split(" && ")[0]) if option not in known]
    assert unknown == []


def test_every_operation_collection_and_event_of_the_log_is_there() -> None:
    text = PAGES["runbooks"]
    paths = set(json.loads((ROOT / "docs" / "openapi.json").read_text())["paths"])
    assert set(re.findall(r"/api/[a-z/{}_-]+/", text)) - paths == set()
    sources = "".join(path.read_text() for top in ("crypto_api", "workers", "signer", "mongodb_config") for path in (ROOT / top).rglob("*.py"))
    collections = {str(vars(document.Settings)["name"]) for document in DOCUMENTS}
    words = set(re.findall(r"`([a-z]+(?:_[a-z]+)+)`", text))
    assert {word for word in words if word not in collections and not re.search(rf"\b{word}\b", sources)} == set()
    files = {path for path in re.findall(r"`((?:deploy|logs|docs)/[\w./-]+)`", text) if not path.startswith("logs/")}
    assert {path for path in files if not (ROOT / path).exists()} == set()
    capitals = set(re.findall(r"`([A-Z]+_[A-Z_]+)`", text))
    assert capitals - SETTINGS == set()

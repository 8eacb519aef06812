"""What others build on, as committed files: `docs/openapi.json` and one JSON schema an event under `docs/events/`."""

import importlib
import json
import pkgutil
from pathlib import Path
from typing import Any

import crypto_api
from crypto_api.events import catalogue
from crypto_api.events.types import DomainEvent

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def domain_events() -> dict[str, type[DomainEvent]]:
    """Every event of the product by its kind. ValueError when two share one."""
    for package in pkgutil.iter_modules(crypto_api.__path__):
        if package.ispkg and importlib.util.find_spec(f"crypto_api.{package.name}.events"):
            importlib.import_module(f"crypto_api.{package.name}.events")
    return catalogue.domain_events()


def event_schema(event: type[DomainEvent]) -> dict[str, Any]:
    """The schema of its `data`, and which permission sees it."""
    return {"$schema": _DIALECT, "$id": event.kind, "x-permission": str(event.permission), **event.model_json_schema()}


def committed_files() -> dict[Path, str]:
    """Each file with the text it should have."""
    from crypto_api.http.api import api  # needs Django to be set up

    files = {DOCS / "events" / f"{kind}.json": _text(event_schema(event)) for kind, event in domain_events().items()}
    files[DOCS / "openapi.json"] = _text(api.get_openapi_schema(path_prefix="/api/"))
    return files


def _text(schema: dict[str, Any]) -> str:
    return json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=False) + "\n"

"""Read by schemathesis in its own process: who asks, which ids there are, and a line of JSON for each answer and each failure of a check.

`tests.fuzz.operations` says by the environment where the files are.
"""

import json
import os
import threading
from pathlib import Path
from random import Random
from typing import Any

import schemathesis
from schemathesis.core.parameters import ParameterLocation

from tests.fuzz.left_out import reason_of

FOLDER = Path(os.environ["COFFER_FUZZ_FOLDER"])
KNOWN: dict[str, dict[str, str]] = json.loads((FOLDER / "known.json").read_text())  # operation → its path, of things that are there
KNOWN_SHARE = 0.8  # of the requests whose path is well-formed go to something that is there
BODY_SHOWN = 1500
_random, _lock = Random(int(os.environ["COFFER_FUZZ_SEED"])), threading.Lock()
_file = (FOLDER / "answers.ndjson").open("w", buffering=1)


def _write(row: dict[str, Any]) -> None:
    with _lock:
        _file.write(json.dumps(row) + "\n")


def _name(context: Any) -> str:
    return str(context.operation.definition.raw["operationId"]) if context.operation is not None else ""


@schemathesis.auth(refresh_interval=1)
class AsRole:
    """The token lives for fifteen minutes; whoever started this keeps a fresh one in a file."""

    def get(self, case: Any, context: Any) -> str:
        return (FOLDER / "token").read_text()

    def set(self, case: Any, data: str, context: Any) -> None:
        case.headers["Authorization"] = f"Bearer {data}"


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    known, meta = KNOWN.get(_name(context)), case.meta
    if not known or not case.path_parameters or meta is None or meta.phase.name.value == "stateful":
        return
    if not meta.is_negative_at(ParameterLocation.PATH) and _random.random() < KNOWN_SHARE:
        case.path_parameters = {**case.path_parameters, **known}


@schemathesis.hook
def after_call(context: Any, case: Any, response: Any) -> None:
    phase = case.meta.phase.name.value if case.meta is not None else "probe"
    _write({"operation": _name(context), "phase": phase, "status": response.status_code, "ms": round(response.elapsed * 1000, 1)})


@schemathesis.hook
def after_network_error(context: Any, case: Any, request: Any) -> None:
    _write({"operation": _name(context), "failure": "NetworkError", "title": "no answer", "told": f"{request.method} {request.url}"[:BODY_SHOWN]})


@schemathesis.hook
def filter_failure(context: Any, failure: Any, case: Any, response: Any) -> bool:
    """Once for each failure of a check: written down, and dropped where it is none."""
    name, kind, body = _name(context), type(failure).__name__, response.content[:BODY_SHOWN].decode(errors="replace") if response.content else ""
    reason = reason_of(kind, name, f"{failure.title}\n{failure.message}", response.status_code, body)
    row = {"operation": name, "failure": kind, "title": failure.title, "reason": reason}
    if reason is None:
        sent = case.as_curl_command()[:BODY_SHOWN]
        row["told"] = f"{failure.message[:BODY_SHOWN]} | {response.status_code} {body} | {sent}"
    _write(row)
    return reason is None

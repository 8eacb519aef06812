"""The first and the last day that there are, to everything that is asked by days: an answer or a refusal that names the field, never a failure.
In zones whose midnight lies in another day than in UTC."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from crypto_api.http.api import api as the_api
from crypto_api.organizations.documents import Organization
from tests.http.conftest import Join

DAYS, MOMENTS = ("0001-01-01", "9999-12-31"), ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z")
NONE = "0001-01-01T00:00:00+10:00", "9999-12-31T23:59:59-10:00", "0"


def asked_by_time() -> Iterator[tuple[str, str, str, dict[str, str]]]:
    """(path, parameter, format, what else is needed) of every list and report."""
    for path, methods in the_api.get_openapi_schema(path_prefix="/api/")["paths"].items():
        parameters = methods.get("get", {}).get("parameters", [])
        if not parameters or any(row["in"] == "path" for row in parameters):
            continue
        for row in parameters:
            kind = _format(row["schema"])
            if kind is not None:
                others = {other["name"]: _example(other["schema"]) for other in parameters if other.get("required") and other is not row}
                yield path, row["name"], kind, others


def _format(schema: dict[str, Any]) -> str | None:
    found = [part.get("format") for part in (schema, *schema.get("anyOf", []))]
    return next((kind for kind in found if kind in ("date", "date-time")), None)


def _example(schema: dict[str, Any]) -> str:
    return str(next(iter(schema.get("examples") or schema.get("enum") or ["2026-11-21"])))


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Etc/GMT+12"])
async def test_every_question_about_days(join: Join, zone: str) -> None:
    ada = await join("ada", founds="Byron Treasury")
    await Organization.find_one({"_id": ada.org_id}).update({"$set": {"time_zone": zone}})
    asked, wrong = 0, []
    for path, name, kind, others in asked_by_time():
        for value in (*(DAYS if kind == "date" else MOMENTS), *NONE):
            asked += 1
            try:
                answer = await ada.http.get(path, params={**others, name: value})
            except httpx.RemoteProtocolError as broken:  # in the middle of a file
                wrong.append(f"{path}?{name}={value}: {broken}")
                continue
            if answer.status_code >= 500 or (value in NONE and answer.status_code != 422):
                wrong.append(f"{path}?{name}={value}: {answer.status_code} {answer.text[:200]}")
    assert wrong == []
    assert asked > 20

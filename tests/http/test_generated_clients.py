"""The schema keeps to its rules, and the clients that are generated from it compile and go one way over real HTTP."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from crypto_project import client_tools
from crypto_project.client_tools import ClientToolsFailed, lint, make_python, make_typescript
from crypto_project.npm import find_node
from tests.http.conftest import PASSWORD, Join, random_address, wallet_body

TYPES = ("--strict", "--config-file=", "--follow-imports=silent", "--cache-dir", os.devnull)


def test_the_schema_keeps_to_the_rules_and_what_does_not_is_found(tmp_path: Path) -> None:
    assert lint() == []
    bad = json.loads(client_tools.DOCUMENT.read_text())
    paths = {"/api/clients/": bad["paths"]["/api/clients/"]}
    paths["/api/clients/"]["get"] |= {"operationId": "create_client", "tags": ["nobody knows"]}
    del paths["/api/clients/"]["post"]["summary"], paths["/api/clients/"]["post"]["x-permission"]
    (tmp_path / "bad.json").write_text(json.dumps(bad | {"paths": paths}))
    found = {problem.split()[1] for problem in lint(tmp_path / "bad.json")}
    assert found >= {"operation-operationId-unique", "operation-tag-defined", "operation-summary", "rule/operations-say-what-they-need"}


async def test_the_clients_compile_and_go_one_way(join: Join, api: str, tmp_path: Path) -> None:
    places = {"typescript": tmp_path / "made" / "typescript", "python": tmp_path / "made" / "python"}
    _, python = await asyncio.gather(asyncio.to_thread(make_typescript, places["typescript"]), asyncio.to_thread(make_python, places["python"]))
    people = {"ada": await join("ada", founds="Byron Treasury"), "eve": await join("eve", founds="Elsewhere")}
    for name, person in people.items():
        body = wallet_body(name=f"Of {name}", address=random_address())
        assert (await person.http.post("/api/wallets/", json=body)).status_code == 201
    told, typed, also = await asyncio.gather(
        _run(str(find_node().node), "run.mjs", api, "ada", PASSWORD, cwd=places["typescript"]),
        _run(
            sys.executable,
            "-m",
            "mypy",
            "--strict",
            "--config-file=",
            "--follow-imports=silent",
            "--cache-dir",
            os.devnull,
            "example.py",
            cwd=places["python"],
        ),
        _run(str(python), "example.py", api, "eve", PASSWORD, cwd=places["python"]),
    )
    assert "no issues found" in typed
    expected = {
        "clients": ["Analytical Engines", "Difference Engines", "Looms"],
        "invoice": {"status": "DRAFT", "subtotal": "300.00", "tax": "57.00", "total": "357.00", "client": "Analytical Engines"},
        "absent": {"status": 404, "code": "not_found"},
        "wrong": {"status": 422, "code": "invalid_input", "fields": ["name"]},
    }
    assert json.loads(told) == expected | {"wallets": ["Of ada"]}
    assert json.loads(also) == expected | {"wallets": ["Of eve"]}
    again = await people["ada"].http.get("/api/clients/?count=true")
    assert again.json()["total"] == 3, "the refused one is not there"


def test_nothing_else_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "mine.ts").write_text("")
    for make in (make_typescript, make_python):
        with pytest.raises(ClientToolsFailed, match="holds something else"):
            make(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.ts"]


async def _run(*command: str, cwd: Path) -> str:
    env: dict[str, Any] = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    process = await asyncio.create_subprocess_exec(*command, cwd=cwd, env=env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
    out, error = await process.communicate()
    assert process.returncode == 0, (out + error).decode()
    return out.decode()

"""Processes of two releases on one database: the one before runs beside, and is started again beside; an older one is refused in one sentence."""

import asyncio
import os
import re
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from crypto_api.documents import DOCUMENTS
from crypto_api.events import store as events
from crypto_api.migrations import MIGRATIONS, RELEASE_BEFORE
from crypto_api.runtime import Runtime
from crypto_project.embedded.ports import free_port
from crypto_project.processes import api_process
from mongodb_config.migrations import COLLECTION, Checkpoint, DeployFailed, Migration, NewerDatabase, deploy, refuse_newer
from tests.conftest import TEST_SECRET_KEY
from tests.factories.older_rows import older_rows
from tests.sockets.conftest import say

ROOT = Path(__file__).parents[2]
_OLDER = """
import runpy, sys
from crypto_api import migrations
del migrations.MIGRATIONS[int(sys.argv.pop(1)):]
import workers
workers.SHUTDOWN_S_MAX = 50  # a loaded machine may need more than ten
program = sys.argv.pop(1)
sys.argv[0] = program
runpy.run_path(program, run_name="__main__") if program.endswith(".py") else runpy.run_module(program, run_name="__main__", alter_sys=True)
"""
"""A release that knows the first so many migrations: its code for the rest is this one's."""


async def older(runtime: Runtime, known: int, folder: Path, *command: str) -> asyncio.subprocess.Process:
    config = runtime.config
    env = {"MONGODB_URI": config.mongodb_uri, "MONGODB_DATABASE": config.mongodb_database, "REDIS_URL": config.redis_url}
    env |= {"SECRET_KEY": TEST_SECRET_KEY, "LOG_DIR": str(folder), "EMAIL_MOCK_MODE": "true", "SIGNER_SOCKET": str(config.signer_socket)}
    options = {"env": {**os.environ, **env}, "cwd": ROOT, "stderr": asyncio.subprocess.PIPE, "stdout": asyncio.subprocess.DEVNULL}
    return await asyncio.create_subprocess_exec(sys.executable, "-c", _OLDER, str(known), *command, **options)  # type: ignore[arg-type]


async def refused(runtime: Runtime, known: int, folder: Path, *command: str) -> str:
    """The one line with which it ends."""
    child = await older(runtime, known, folder, *command)
    _, told = await asyncio.wait_for(child.communicate(), 90)
    assert child.returncode == os.EX_CONFIG, told.decode()
    (line,) = [line for line in told.decode().splitlines() if re.search("migration", line)]
    return line


async def test_a_process_of_the_release_before_starts_beside_a_migration_and_works_on_and_an_older_one_is_refused(
    runtime: Runtime, tmp_path: Path
) -> None:
    state, known = runtime.database[COLLECTION], len(MIGRATIONS)
    middle = {"position": known - 1, "step_at": None, "runs_from": known - 1}
    await state.update_one({"_id": "schema"}, {"$set": middle}, upsert=True)  # this release's last one is at work

    before = await older(runtime, known - 1, tmp_path, str(ROOT / "manage.py"), "worker", "events")
    try:
        await say(runtime, "org_one", 1)
        async with asyncio.timeout(90):
            while await events.head("org_one") < 1:
                assert before.returncode is None
                await asyncio.sleep(0.05)
        await deploy(runtime.database.client, runtime.database.name, DOCUMENTS, migrations=MIGRATIONS, release_before=known - 1)
        assert (await state.find_one({"_id": "schema"}))["position"] == known  # type: ignore[index]
        await say(runtime, "org_one", 2)
        async with asyncio.timeout(90):
            while await events.head("org_one") < 2:
                assert before.returncode is None, "it works on, on what this release has made"
                await asyncio.sleep(0.05)
        before.send_signal(signal.SIGTERM)
        _, told = await asyncio.wait_for(before.communicate(), 60)
        assert (before.returncode, told) == (0, b"")
    finally:
        if before.returncode is None:
            before.kill()
            await before.wait()

    port, manage = str(free_port()), str(ROOT / "manage.py")
    api = ("uvicorn", *api_process("127.0.0.1", int(port)).command[3:])
    commands = (manage, "worker", "jobs"), (manage, "migrate_database"), api
    sentence = (
        f"the database is at migration {known} and this release knows {known - 2}: it was written by a newer release. "
        "Start that release, or restore a backup from before it."
    )
    for line in await asyncio.gather(*(refused(runtime, known - 2, tmp_path, *command) for command in commands)):
        assert line.endswith(sentence), line


async def test_who_may_run_beside_is_said_before_anything_is_changed_and_an_older_deploy_changes_nothing(runtime: Runtime) -> None:
    database, seen = runtime.database, list[Any]()

    def numbered(count: int) -> list[Migration]:
        async def step(_: Any, checkpoint: Checkpoint) -> None:
            seen.append(await database[COLLECTION].find_one({"_id": "schema"}))

        return [Migration(number, f"the {number}.", step) for number in range(1, count + 1)]

    await database[COLLECTION].delete_many({})
    await deploy(database.client, database.name, [], migrations=numbered(1))
    await deploy(database.client, database.name, [], migrations=numbered(3), release_before=1)
    assert [(row["position"], row["runs_from"]) for row in seen] == [(0, 1), (1, 1), (2, 1)]

    await refuse_newer(database, numbered(1))
    report = await deploy(database.client, database.name, DOCUMENTS, migrations=numbered(1), verify=True, again=True)
    assert (report.newer, report.changed, len(seen)) == (True, False, 3)
    with pytest.raises(NewerDatabase, match="at migration 3 and this release knows 0"):
        await refuse_newer(database, [])

    await deploy(database.client, database.name, [], migrations=numbered(4), release_before=3)
    with pytest.raises(DeployFailed, match="written by a newer release"):
        await refuse_newer(database, numbered(2))
    await refuse_newer(database, numbered(3))


async def test_what_a_release_before_left_is_read_by_this_one_before_any_migration_came_to_it(runtime: Runtime) -> None:
    older_world = await older_rows(runtime, 1)
    by_name = {str(vars(document.Settings)["name"]): document for document in DOCUMENTS}
    for name, rows in older_world.rows.items():
        for row in rows:
            read = by_name[name].model_validate(row)
            assert read.id == row["_id"]
    assert 0 < RELEASE_BEFORE <= len(MIGRATIONS)

"""The main job as a stranger would try it: one command, its outcome, its exit code."""

import asyncio
import json
import os
import sys

import pytest

from crypto_project.npm import ROOT


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_the_scenario_agrees_with_itself() -> None:
    env = {**os.environ, "BCRYPT_COST": "4"}
    command = (sys.executable, str(ROOT / "manage.py"), "demo", "--once", "--json")
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=env)
    stdout, stderr = await process.communicate()
    assert stdout, stderr.decode()
    outcome = json.loads(stdout)  # nothing else may stand on standard output
    assert outcome["problems"] == []
    assert outcome["ok"] and process.returncode == 0
    movements, events = outcome["movements"], outcome["events"]
    assert movements["on_chain"] == movements["stored"] >= 300
    assert movements["booked"] == movements["stored"] - movements["spam"]
    assert movements["spam"] >= 20 and movements["failed"] >= 20 and movements["orphaned"] > 0
    assert outcome["ledger"]["balanced"] and outcome["ledger"]["equals_chain"]
    assert events["written"] == events["delivered"] > 300 and events["duplicates"] == events["gaps"] == 0
    assert sorted(fault["kind"] for fault in outcome["faults"]) == ["follower_killed", *["reorganisation"] * 3]

"""Our own processes under their keeper, and the small files around them."""

import asyncio
import stat
import sys
from base64 import b64decode
from pathlib import Path

import pytest

from crypto_project.embedded.child import ChildFailed
from crypto_project.installation_keys import installation_keys
from crypto_project.processes import READY_FILE, Processes, ProcessSpec
from crypto_project.ready_file import write_ready_file
from crypto_project.vendor_assets import UnknownIcon, subset_sprite

WORKER = "import os, pathlib, sys, time; print(os.environ['WHO'], flush=True); pathlib.Path(sys.argv[1]).write_text(str(os.getpid())); time.sleep(60)"


def one_worker(tmp_path: Path, script: str = WORKER) -> Processes:
    spec = ProcessSpec("follower", (sys.executable, "-c", script, READY_FILE))
    return Processes([spec], env={"WHO": "the follower"}, log_dir=tmp_path, run_dir=tmp_path / "run")


async def test_a_killed_process_comes_back(tmp_path: Path) -> None:
    processes = one_worker(tmp_path)
    await processes.start()
    try:
        assert (tmp_path / "follower.log").read_text() == "the follower\n"
        first = processes.pids["follower"]
        for _ in range(2):
            processes.kill("follower")
            await asyncio.sleep(0.05)
            await processes.wait_ready("follower", timeout_s=60)
        assert processes.pids["follower"] != first
        assert processes.restarts["follower"] == 2
    finally:
        await processes.stop()
    assert processes.pids == {}


async def test_a_stopped_process_stays_away(tmp_path: Path) -> None:
    processes = one_worker(tmp_path)
    await processes.start()
    await processes.stop_one("follower")
    await asyncio.sleep(0.5)
    assert processes.pids == {}
    await processes.start_one("follower")
    assert processes.pids.keys() == {"follower"}
    await processes.stop()


async def test_one_that_cannot_start_says_why_and_takes_the_others_down(tmp_path: Path) -> None:
    processes = one_worker(tmp_path, "raise SystemExit('no MASTER_KEY')")
    with pytest.raises(ChildFailed, match="no MASTER_KEY"):
        await processes.start()
    assert processes.pids == {}


def test_keys_are_made_once_for_their_owner_only(tmp_path: Path) -> None:
    assert installation_keys(tmp_path / "own", secret_key="s", master_key="m") == {"SECRET_KEY": "s", "MASTER_KEY": "m"}
    assert not (tmp_path / "own").exists()
    keys = installation_keys(tmp_path)
    assert len(b64decode(keys["MASTER_KEY"], validate=True)) == 32
    assert len(keys["SECRET_KEY"]) >= 32
    assert installation_keys(tmp_path) == keys
    for name in ("secret_key", "master_key"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


def test_ready_file_is_whole_and_private(tmp_path: Path) -> None:
    path = tmp_path / "run" / "ready.json"
    write_ready_file(path, {"base_url": "http://127.0.0.1:1"})
    assert '"base_url"' in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [found.name for found in path.parent.iterdir()] == ["ready.json"]


def test_sprite_holds_the_named_icons_only() -> None:
    sprite = '<svg><symbol id="tabler-a"><path d="1"/></symbol><symbol id="tabler-b"><path d="2"/></symbol></svg>'
    assert subset_sprite(sprite, ["b"]) == '<svg xmlns="http://www.w3.org/2000/svg"><defs><symbol id="tabler-b"><path d="2"/></symbol></defs></svg>\n'
    with pytest.raises(UnknownIcon, match="walet"):
        subset_sprite(sprite, ["walet"])

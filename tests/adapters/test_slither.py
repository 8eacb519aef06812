"""Slither's process: without a network, within a time, and gone without a trace."""

import asyncio
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crypto_api.adapters import slither, slither_child
from crypto_api.adapters.slither import Slither
from crypto_api.kit.static_analysis import AnalysisFailed, Program
from crypto_project.npm import ROOT

ENVIRONMENT = ROOT / ".data" / "slither"
NOTHING = Program({"sources": {}, "contracts": {}}, {})


async def test_no_process_of_it_makes_a_socket() -> None:
    """The filter itself, in a process like its own; its children cannot either."""
    tries = "import socket; socket.socket()"
    code = f"""
import subprocess, sys
sys.path.insert(0, {str(Path(slither_child.__file__).parent)!r})
import slither_child
print(slither_child.forbid_network())
for family in ("AF_INET", "AF_INET6", "AF_UNIX", "AF_NETLINK"):
    import socket
    try:
        socket.socket(getattr(socket, family)); print("open")
    except PermissionError:
        print("refused")
print(subprocess.run([sys.executable, "-c", {tries!r}], capture_output=True).returncode)
"""
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
    said, _ = await child.communicate()
    assert said.decode().split() == ["seccomp", "refused", "refused", "refused", "refused", "1"]


async def test_it_is_stopped_in_time_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(AnalysisFailed) as caught:
        await Slither(ENVIRONMENT, limit_s=0.05).analyse("0.8.37", {"sources": {"A.sol": {"content": ""}}, "settings": {}}, NOTHING)
    assert caught.value.code == "analyser_stopped" and "0.05 seconds" in caught.value.detail
    monkeypatch.setattr(slither, "MEMORY_BYTES_MAX", 30_000_000)  # less than its interpreter needs
    with pytest.raises(AnalysisFailed) as short:
        await Slither(ENVIRONMENT).analyse("0.8.37", {"sources": {"A.sol": {"content": ""}}, "settings": {}}, NOTHING)
    assert short.value.code == "analyser_stopped"
    assert list(tmp_path.iterdir()) == []


async def test_a_path_out_of_its_folder_is_not_written(tmp_path: Path) -> None:
    sources: dict[str, Any] = {"sources": {"../../outside.sol": {"content": "x"}}, "settings": {}}
    with pytest.raises(AnalysisFailed, match="leads out"):
        await Slither(ENVIRONMENT).analyse("0.8.37", sources, NOTHING)


async def test_a_worker_that_is_killed_takes_its_analyser_along_and_the_next_one_sweeps_its_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """SIGKILL in the middle: no process of it is left, and of its folders the one that is still worked in stays."""
    waits = tmp_path / "waits.py"
    waits.write_text("import pathlib, time, os\npathlib.Path('begun').write_text(str(os.getpid()))\ntime.sleep(600)\n")
    code = f"""
import asyncio, pathlib, sys, tempfile
from crypto_api.adapters import slither
from crypto_api.kit.static_analysis import Program
tempfile.tempdir = {str(tmp_path)!r}
slither.CHILD = pathlib.Path({str(waits)!r})
slither.slither_environment.ensure = lambda folder: pathlib.Path(sys.executable)
sources = {{"sources": {{"A.sol": {{"content": ""}}}}, "settings": {{}}}}
asyncio.run(slither.Slither(pathlib.Path("none")).analyse("0.8.37", sources, Program({{"sources": {{}}, "contracts": {{}}}}, {{}})))
"""
    workers = [await asyncio.create_subprocess_exec(sys.executable, "-c", code, cwd=ROOT) for _ in range(2)]
    try:
        begun = await _until(lambda: found if len(found := _begun(tmp_path)) == 2 else {})
        dead, alive = workers
        dead.kill()
        await dead.wait()
        (gone,) = await _until(lambda: [pid for pid in begun.values() if not Path(f"/proc/{pid}").exists()])
        (left,) = [folder for folder, pid in begun.items() if pid == gone]
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        slither._sweep()
        assert left.exists(), "young ones are left alone: they may be about to be held"
        monkeypatch.setattr(slither, "_YOUNG_S", -1.0)
        slither._sweep()
        assert not left.exists() and [folder for folder in begun if folder.exists()] == [folder for folder in begun if folder != left]
        assert alive.returncode is None
    finally:
        for worker in workers:
            if worker.returncode is None:
                worker.kill()
                await worker.wait()


def _begun(place: Path) -> dict[Path, int]:
    return {file.parent: int(text) for file in place.glob("coffer-slither-*/begun") if (text := file.read_text())}


async def _until(look: Callable[[], Any]) -> Any:
    async with asyncio.timeout(60):
        while not (seen := look()):
            await asyncio.sleep(0.02)
    return seen

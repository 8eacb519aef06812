"""Slither's process: without a network, within a time, and gone without a trace."""

import asyncio
import sys
import tempfile
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

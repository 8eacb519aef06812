"""`python -I slither_child.py VERSION FOLDER`: Slither over what a compiler made, run in Slither's own environment (AGPL, and an older web3).

FOLDER holds `input.json` (the compiler's input), `compiled.json` (its answer) and `files/` (the sources); `found.json` is written there. The compiler
itself does not run again: what Slither calls as `solc` gives the answer that is there. Before the sources are touched, the process and its
children give up the network.
"""

import ctypes
import inspect
import json
import os
import platform
import stat
import struct
import sys
from pathlib import Path
from typing import Any

FINDINGS_MAX = 2_000
ELEMENTS_MAX = 20
TEXT_MAX = 4_000

_SOCKET_CALLS = {"x86_64": (0xC000003E, 41, 425), "aarch64": (0xC00000B7, 198, 425)}  # AUDIT_ARCH_…, socket(2), io_uring_setup(2)
_SECCOMP, _FILTER, _NO_NEW_PRIVILEGES = 22, 2, 38
_ALLOW, _KILL, _REFUSE = 0x7FFF0000, 0x80000000, 0x00050000 | 13  # EACCES


def forbid_network() -> str:
    """No process from here on can make a socket (seccomp-bpf, Linux). What was really enforced."""
    known = _SOCKET_CALLS.get(platform.machine())
    if sys.platform != "linux" or known is None:
        return "not enforced"
    architecture, socket, io_uring = known
    rows = [
        (0x20, 0, 0, 4),  # load the architecture
        (0x15, 1, 0, architecture),
        (0x06, 0, 0, _KILL),
        (0x20, 0, 0, 0),  # load the number of the call
        (0x35, 2, 0, 0x40000000),  # x32 calls have numbers of their own
        (0x15, 1, 0, socket),
        (0x15, 0, 1, io_uring),
        (0x06, 0, 0, _REFUSE),
        (0x06, 0, 0, _ALLOW),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *row) for row in rows))

    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_void_p)]

    libc = ctypes.CDLL(None, use_errno=True)
    program = Program(len(rows), ctypes.cast(code, ctypes.c_void_p))
    if libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) or libc.prctl(_SECCOMP, _FILTER, ctypes.byref(program), 0, 0):
        return "not enforced"
    return "seccomp"


def main(version: str, folder: Path) -> None:
    network = forbid_network()
    from crytic_compile import CryticCompile  # type: ignore[import-not-found]
    from crytic_compile.platform.solc_standard_json import SolcStandardJson  # type: ignore[import-not-found]
    from slither import Slither  # type: ignore[import-not-found]
    from slither.detectors import all_detectors  # type: ignore[import-not-found]
    from slither.detectors.abstract_detector import AbstractDetector  # type: ignore[import-not-found]

    sys.setrecursionlimit(10_000)
    os.chdir(folder / "files")
    given = json.loads((folder / "input.json").read_text())
    slither = Slither(CryticCompile(SolcStandardJson(given), solc=str(_compiler(version, folder))))
    detectors = [found for _, found in inspect.getmembers(all_detectors, inspect.isclass) if issubclass(found, AbstractDetector)]
    for detector in detectors:
        slither.register_detector(detector)
    rows = [row for found in slither.run_detectors() for row in found or []]
    found = {
        "version": _version(),
        "detectors": len(detectors),
        "contracts": len(slither.contracts),
        "network": network,
        "findings": [_finding(row) for row in rows[:FINDINGS_MAX]],
        "dropped": max(len(rows) - FINDINGS_MAX, 0),
    }
    (folder / "found.json").write_text(json.dumps(found))


def _compiler(version: str, folder: Path) -> Path:
    """What Slither asks of a compiler, answered from the file."""
    solc = folder / "solc"
    solc.write_text(
        f'#!/bin/sh\nif [ "$1" = --version ]; then echo "Version: {version}"; exit; fi\ncat > /dev/null\nexec cat "{folder / "compiled.json"}"\n'
    )
    solc.chmod(solc.stat().st_mode | stat.S_IXUSR)
    return solc


def _version() -> str:
    from importlib.metadata import version

    return version("slither-analyzer")


def _finding(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": row["id"],
        "check": row["check"],
        "impact": row["impact"],
        "confidence": row["confidence"],
        "description": row["description"].strip()[:TEXT_MAX],
        "reference": str(row.get("reference") or "")[:500],
        "elements": [_element(part) for part in row["elements"][:ELEMENTS_MAX] if part["source_mapping"].get("lines")],
    }


def _element(part: dict[str, Any]) -> dict[str, Any]:
    place = part["source_mapping"]
    return {
        "type": part["type"],
        "name": str(part["name"])[:300],
        "file": place["filename_relative"],
        "first_line": min(place["lines"]),
        "last_line": max(place["lines"]),
    }


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))

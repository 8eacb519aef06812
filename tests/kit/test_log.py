"""What a line of the log is: one object, whatever strangers wrote into it, and never a secret under a known name. In a process of its own, since
setting the log up counts for all that comes after."""

import stat
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import orjson

PROGRAM = r"""
import logging, sys
from pathlib import Path
from crypto_api.kit import log
log.configure(Path(sys.argv[1]), process="test")
forged = 'x\r\n{"event": "logged_in", "user_id": "usr_1"}\u2028\x1b[2K'
with log.bound(request_id="req_1"):
    log.get("here").info("seen", path=forged, **{forged: 1})
    logging.getLogger("library").warning("%s", forged)
    log.security.info("refused", password="canary-1", token="canary-2", refresh="canary-3", reason="wrong")
try:
    raise RuntimeError(forged)
except RuntimeError:
    log.get("here").exception("failed")
"""


def test_a_line_is_one_object_and_holds_no_secret(tmp_path: Path) -> None:
    (tmp_path / "security.log").touch()
    (tmp_path / "security.log").chmod(0o666)  # of before
    subprocess.run([sys.executable, "-c", PROGRAM, str(tmp_path)], check=True, timeout=60, umask=0)
    raw = (tmp_path / "crypto_accounting.log").read_bytes()
    lines = [orjson.loads(line) for line in raw.splitlines()]
    assert [(line["level"], line.get("request_id"), line["process"]) for line in lines] == [
        ("info", "req_1", "test"),
        ("warning", "req_1", "test"),
        ("info", "req_1", "test"),
        ("error", None, "test"),
    ]
    assert [line["event"] for line in lines if line["event"] == "logged_in"] == []
    assert b"\x1b" not in raw and b"canary" not in raw
    assert all(datetime.fromisoformat(line["timestamp"]).utcoffset() is not None for line in lines)
    assert stat.S_IMODE((tmp_path / "crypto_accounting.log").stat().st_mode) == 0o640 == stat.S_IMODE((tmp_path / "security.log").stat().st_mode)
    assert "RuntimeError" in lines[3]["exception"]
    (told,) = [orjson.loads(line) for line in (tmp_path / "security.log").read_bytes().splitlines()]
    assert (told["event"], told["password"], told["token"], told["refresh"], told["reason"]) == ("refused", *["[hidden]"] * 3, "wrong")

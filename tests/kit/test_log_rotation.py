"""Files that are moved away while processes write to them: every line is in one of the files, once and whole."""

import asyncio
import re
import sys
from collections import Counter
from pathlib import Path

import orjson

ROOT = Path(__file__).parents[2]
LINES, NAMES = 1_500, ("api", "worker-jobs", "signer")
_WRITER = """
import sys
from pathlib import Path
from crypto_api.kit import log
log.configure(Path(sys.argv[1]), process=sys.argv[2])
logger = log.get("test")
for number in range(int(sys.argv[3])):
    logger.info("line", number=number, filling="x" * 200)
    log.security.info("line", number=number)
"""


async def test_no_line_is_lost_or_torn_when_the_files_are_moved_under_several_processes(tmp_path: Path) -> None:
    children = [await asyncio.create_subprocess_exec(sys.executable, "-c", _WRITER, str(tmp_path), name, str(LINES), cwd=ROOT) for name in NAMES]
    ended = asyncio.gather(*(child.wait() for child in children))
    moved = 0
    while not ended.done():
        await asyncio.sleep(0.01)
        for name in ("crypto_accounting.log", "security.log"):
            current = tmp_path / name
            if current.exists() and current.stat().st_size > 50_000:
                moved += 1
                current.rename(tmp_path / f"{name}.{moved}")
                current.touch(0o640)  # as `create` of deploy/logrotate.conf
    assert await ended == [0, 0, 0]
    assert moved > 4, "they were moved while somebody wrote"
    for name in ("crypto_accounting.log", "security.log"):
        seen: Counter[tuple[str, int]] = Counter()
        for path in tmp_path.glob(f"{name}*"):
            for line in path.read_bytes().splitlines():
                row = orjson.loads(line)
                if name != "crypto_accounting.log" or row["logger"] == "test":
                    seen[row["process"], row["number"]] += 1
        assert seen == Counter({(process, number): 1 for process in NAMES for number in range(LINES)}), name


def test_the_configuration_names_our_files_and_loses_nothing() -> None:
    text = (ROOT / "deploy" / "logrotate.conf").read_text()
    parts = {Path(path).name: set(body.split()) for path, body in re.findall(r"^(/\S+) \{(.*?)^\}", text, re.MULTILINE | re.DOTALL)}
    assert parts.keys() == {"crypto_accounting.log", "security.log"}
    for words in parts.values():
        assert {"create", "compress", "delaycompress", "missingok"} <= words
        assert not {"copytruncate", "postrotate", "nocreate"} & words

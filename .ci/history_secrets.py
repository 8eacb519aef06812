"""Secrets in any version of any file that this repository ever held. What was found and is none stands in `known_secrets.json` with the reason;
another finding ends it with 1."""

import json
import subprocess
import sys
from pathlib import Path

from detect_secrets.core.scan import get_plugins
from detect_secrets.settings import transient_settings

DETECTORS = (
    "ArtifactoryDetector", "AWSKeyDetector", "AzureStorageKeyDetector", "BasicAuthDetector", "CloudantDetector", "DiscordBotTokenDetector",
    "GitHubTokenDetector", "GitLabTokenDetector", "IbmCloudIamDetector", "IbmCosHmacDetector", "JwtTokenDetector", "MailchimpDetector", "NpmDetector",
    "OpenAIDetector", "PrivateKeyDetector", "PypiTokenDetector", "SendGridDetector", "SlackDetector", "SquareOAuthDetector", "StripeDetector",
    "TelegramBotTokenDetector", "TwilioKeyDetector",
)  # fmt: skip  # by their form; not by how random they look, since every hash and address does
GIT = ("git", "-c", "safe.directory=*")  # whoever owns the copy
BYTES_MAX = 2_000_000
LINE_MAX = 5_000


def git(*arguments: str, given: str = "") -> str:
    return subprocess.run([*GIT, *arguments], input=given, capture_output=True, text=True, check=True).stdout


def files() -> dict[str, str]:
    """Id of each version of each file to a path that it had."""
    named = dict(line.split(" ", 1) for line in git("rev-list", "--objects", "--all").splitlines() if " " in line and line.split(" ", 1)[1])
    kinds = (line.split() for line in git("cat-file", "--batch-check", given="\n".join(named) + "\n").splitlines())
    return {blob: named[blob] for blob, kind, size in kinds if kind == "blob" and int(size) <= BYTES_MAX}


def lines(blobs: dict[str, str]) -> dict[str, str]:
    """Each line that ever was, and a place where it stood."""
    found: dict[str, str] = {}
    with subprocess.Popen([*GIT, "cat-file", "--batch"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as reading:
        assert reading.stdin is not None and reading.stdout is not None
        for blob, path in blobs.items():
            reading.stdin.write(f"{blob}\n".encode())
            reading.stdin.flush()
            size = int(reading.stdout.readline().split()[2])
            content = reading.stdout.read(size + 1)[:size]
            if b"\0" not in content[:1000]:
                for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
                    if len(line) <= LINE_MAX:
                        found.setdefault(line, f"{path}:{number} in {blob[:10]}")
        reading.stdin.close()
    return found


def main() -> int:
    known = {(row["kind"], row["text"]) for row in json.loads(Path(__file__).with_name("known_secrets.json").read_text())}
    if git("rev-parse", "--is-shallow-repository").strip() != "false":
        print("a shallow copy: only what is in it is looked at, and NOT the history")
    blobs = files()
    read = lines(blobs)
    assert len(blobs) >= len(set(git("ls-files").splitlines())) // 2 > 200 and len(read) > 20_000, "it looked at next to nothing"
    with transient_settings({"plugins_used": [{"name": name} for name in DETECTORS]}):
        plugins = list(get_plugins())
        assert len(plugins) == len(DETECTORS)
        assert any(plugin.analyze_string("-----BEGIN " + "RSA PRIVATE KEY-----") for plugin in plugins), "they find what they are for"
        found = {(plugin.secret_type, text, place) for line, place in read.items() for plugin in plugins for text in plugin.analyze_string(line)}
    new = sorted((kind, place) for kind, text, place in found if (kind, text) not in known)
    for kind, place in new:
        print(f"{place}: {kind}")
    print(f"{len(blobs)} versions of files, {len(read)} lines: {len(found) - len(new)} known findings, {len(new)} others")
    return 1 if new else 0


if __name__ == "__main__":
    sys.exit(main())

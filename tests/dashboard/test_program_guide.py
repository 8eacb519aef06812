"""The guide for programs is code that runs: its blocks, in their order, against a real server."""

import asyncio
import base64
import json
import os
import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from crypto_api.clients.documents import Client
from crypto_api.invoices.documents import Invoice
from crypto_api.runtime import Runtime
from crypto_api.wallets.documents import Wallet
from crypto_api.webhooks.rules import signed_headers
from crypto_project.npm import CLIENT_TOOLS, ROOT, ensure_client_tools, find_node
from tests.dashboard.conftest import Site
from tests.factories.treasury import PASSWORD, Treasury

BLOCK = re.compile(r"^```(\w+) (\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SECRET = "whsec_" + base64.b64encode(b"thirty-two bytes that nobody has").decode()


def blocks(language: str, what: str) -> str:
    found = [text for told, kind, text in BLOCK.findall((ROOT / "docs" / "programs.md").read_text()) if (told, kind) == (language, what)]
    assert found, (language, what)
    return "\n".join(found)


async def run(*command: str, cwd: Path, **variables: str) -> str:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, cwd=cwd, env=os.environ | variables, stdout=pipe, stderr=pipe)
    out, error = await process.communicate()
    assert process.returncode == 0, (out + error).decode()
    return out.decode()


async def test_every_step_is_gone(runtime: Runtime, treasury: Treasury, site: Site, relay: None, tmp_path: Path) -> None:
    asks = {"COFFER_URL": site.url, "COFFER_USERNAME": "ada.okafor", "COFFER_PASSWORD": PASSWORD}
    (tmp_path / "journey.py").write_text(blocks("python", "run"))
    names, total, event = (await run(sys.executable, "journey.py", cwd=tmp_path, **asks)).splitlines()
    assert names == "['Cold storage'] 0 0"
    assert total == "321.00 412" and event == "client.added True"
    (wallet,) = await Wallet.find({"org_id": treasury.org_id}).to_list()
    (invoice,) = await Invoice.find({"org_id": treasury.org_id}).to_list()
    assert (wallet.name, invoice.client_name, str(invoice.total)) == ("Cold storage", "Analytical Engines", "321.00")
    assert {row.name for row in await Client.find({"org_id": treasury.org_id}).to_list()} == {"Analytical Engines", "Looms"}
    listed = await run("bash", "-euo", "pipefail", "-c", blocks("bash", "run"), cwd=tmp_path, **asks)
    assert [row["name"] for row in json.loads(listed)["items"]] == ["Cold storage"]


async def test_webhooks_are_verified_as_they_are_signed(tmp_path: Path) -> None:
    body, now = '{"type": "client.created", "name": "Jöllenbeck"}'.encode(), datetime.now(UTC)
    secret, other = (base64.b64decode(one.removeprefix("whsec_")) for one in (SECRET, "whsec_" + base64.b64encode(b"x" * 32).decode()))
    good, late = signed_headers("evt_1", now, body, [other, secret]), signed_headers("evt_1", now - timedelta(minutes=6), body, [secret])
    foreign = signed_headers("evt_1", now, body, [other])
    cases = [
        (body, good, True),
        (body + b" ", good, False),
        (body, foreign, False),
        (body, late, False),
        (body, good | {"webhook-id": "evt_2"}, False),
    ]
    given = json.dumps([[base64.b64encode(text).decode(), headers] for text, headers, _ in cases])
    expected = [holds for _, _, holds in cases]

    python = (
        "import json, sys\n"
        "cases = json.loads(sys.argv[1])\n"
        "print(json.dumps([verified(base64.b64decode(text), headers, sys.argv[2]) for text, headers in cases]))\n"
    )
    (tmp_path / "verify.py").write_text(blocks("python", "verify") + python)
    assert json.loads(await run(sys.executable, "verify.py", given, SECRET, cwd=tmp_path)) == expected

    await asyncio.to_thread(ensure_client_tools)
    (tmp_path / "verify.ts").write_text(blocks("typescript", "verify"))
    (tmp_path / "run.mjs").write_text(
        'import { writeFileSync, readFileSync } from "node:fs";\n'
        f"const ts = (await import({json.dumps(str(CLIENT_TOOLS / 'node_modules' / 'typescript' / 'lib' / 'typescript.js'))})).default;\n"
        'const options = { module: "esnext", target: "es2022" };\n'
        'writeFileSync("verify.mjs", ts.transpileModule(readFileSync("verify.ts", "utf8"), { compilerOptions: options }).outputText);\n'
        'const { verified } = await import("./verify.mjs");\n'
        "const [given, secret] = process.argv.slice(2);\n"
        'console.log(JSON.stringify(JSON.parse(given).map(([text, headers]) => verified(Buffer.from(text, "base64"), headers, secret))));\n'
    )
    assert json.loads(await run(str(find_node().node), "run.mjs", given, SECRET, cwd=tmp_path)) == expected

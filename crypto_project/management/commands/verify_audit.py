"""`verify_audit`: walks the chain of seals of every organisation's audit log, and names the first record that is not as it was written."""

import asyncio
import json
import re
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from crypto_api.bootstrap import open_runtime
from crypto_api.config import Config, load_config
from crypto_api.flows.verify_audit_log import AuditReport, verify_audit_log, verify_every_audit_log
from crypto_api.kit.seals import Head
from crypto_api.organizations import store as organizations
from crypto_project.management.running import plain_failures

_HEAD = re.compile(r"([0-9]{1,18}):([0-9a-f]{64})", re.ASCII)


def _head(text: str) -> Head:
    found = _HEAD.fullmatch(text)
    if found is None:
        raise ArgumentTypeError("a head is SEQ:HASH, as this command and security.log print it")
    return Head(int(found[1]), found[2])


class Command(BaseCommand):
    help = "Checks that the audit log is as it was written. Code 0 when every chain holds, else 1."
    requires_system_checks: tuple[str, ...] = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--organization", help="the id of one, or `installation`; all of them when left out")
        parser.add_argument("--head", type=_head, help="SEQ:HASH noted down earlier: the chain of --organization must still go through it")
        parser.add_argument("--json", action="store_true", help="one JSON object instead of text")

    def handle(self, *, organization: str | None, head: Head | None, json: bool, **_: Any) -> None:
        if head is not None and organization is None:
            raise CommandError("--head needs --organization: each has a chain of its own")
        with plain_failures():
            reports = asyncio.run(_verify(load_config(), organization, head))
        self.stdout.write(_as_json(reports) if json else "\n".join(_as_text(org_id, report) for org_id, report in reports.items()))
        if not all(report.ok for report in reports.values()):
            raise CommandError("the audit log is not as it was written")


async def _verify(config: Config, organization: str | None, head: Head | None) -> dict[str, AuditReport]:
    async with open_runtime(config):
        if organization is not None:
            return {organization: await verify_audit_log(organization, noted=head)}
        return await verify_every_audit_log([row.id for row in await organizations.everyone()])


def _as_text(org_id: str, report: AuditReport) -> str:
    counts = f"{report.checked} sealed, {report.waiting} waiting, head {report.head.seq}:{report.head.hash}"
    failure = report.first_failure
    if failure is None:
        return f"{org_id}: as it was written ({counts})"
    return f"{org_id}: {failure.fault} {failure.record_id} (seal {failure.seq}): {failure.detail} ({counts})"


def _as_json(reports: dict[str, AuditReport]) -> str:
    rows = {
        org_id: {
            "ok": report.ok,
            "checked": report.checked,
            "waiting": report.waiting,
            "head": vars(report.head),
            "first_failure": vars(report.first_failure) if report.first_failure else None,
        }
        for org_id, report in reports.items()
    }
    return json.dumps({"ok": all(report.ok for report in reports.values()), "organizations": rows})

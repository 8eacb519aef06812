"""`verify_ledger`: recomputes the books of every organisation, compares them with the chain, and names the first thing that does not agree."""

import asyncio
import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from crypto_api.bootstrap import open_runtime
from crypto_api.config import Config, load_config
from crypto_api.flows.verify_ledger import VerifyReport, verify_ledger
from crypto_api.kit.ethereum import ChainUnavailable
from crypto_api.kit.seals import Head, parse_head
from crypto_api.organizations import store as organizations
from crypto_project.management.running import plain_failures


class Command(BaseCommand):
    help = "Recomputes the books from their entries and compares them with the chain. Code 0 when everything agrees, else 1."
    requires_system_checks: tuple[str, ...] = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--organization", help="the id of one; all of them when left out")
        parser.add_argument("--head", help="with --organization: SEQ:HASH, a head of its chain of seals that was noted down earlier")
        parser.add_argument("--json", action="store_true", help="one JSON object instead of text")

    def handle(self, *, organization: str | None, head: str | None, json: bool, **_: Any) -> None:
        noted = _noted(head, organization)
        with plain_failures():
            try:
                reports = asyncio.run(_verify(load_config(), organization, noted))
            except ChainUnavailable as problem:
                raise CommandError(f"not verified: {problem.detail}") from None
        if organization is not None and not reports:
            raise CommandError(f"there is no organisation {organization}")
        self.stdout.write(_as_json(reports) if json else "\n".join(_as_text(org_id, report) for org_id, report in reports.items()))
        if not all(report.ok for report in reports.values()):
            raise CommandError("the books do not agree")


async def _verify(config: Config, organization: str | None, noted: Head | None) -> dict[str, VerifyReport]:
    async with open_runtime(config) as runtime:
        ids = [row.id for row in await organizations.everyone() if organization in (None, row.id)]
        return {org_id: await verify_ledger(runtime.uow, org_id, runtime.networks, runtime.rpc, noted=noted) for org_id in ids}


def _noted(head: str | None, organization: str | None) -> Head | None:
    if head is None:
        return None
    if organization is None:
        raise CommandError("--head is of one organisation: name it with --organization")
    try:
        return parse_head(head)
    except ValueError as error:
        raise CommandError(f"--head {error}") from None


def _as_text(org_id: str, report: VerifyReport) -> str:
    checked = ", ".join(f"{count} {name}" for name, count in report.checked.items() if isinstance(count, int))
    if report.first_failure is None:
        return f"{org_id}: in order ({checked}; head {report.head.seq}:{report.head.hash})"
    failure = report.first_failure
    return (
        f"{org_id}: {failure.check} {failure.subject}: {failure.detail} Expected {failure.expected or '-'}, found {failure.found or '-'}. ({checked})"
    )


def _as_json(reports: dict[str, VerifyReport]) -> str:
    rows = {
        org_id: {"ok": report.ok, "checked": report.checked, "first_failure": vars(report.first_failure) if report.first_failure else None}
        for org_id, report in reports.items()
    }
    return json.dumps({"ok": all(report.ok for report in reports.values()), "organizations": rows})

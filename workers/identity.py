"""Actors of people: the mails they get."""

from datetime import timedelta
from functools import partial

from crypto_api.flows.send_due_mail import send_due_mail
from crypto_api.flows.send_verification_mail import send_verification_mail
from crypto_api.identity import account_store, store
from crypto_api.identity.jobs import SendDueMail, SendVerificationMail
from crypto_api.kit.scope import OrgScope
from crypto_api.runtime import Runtime
from crypto_api.tasks.types import ScheduleName, ScheduleRun
from workers import organizations
from workers.actor import Actor
from workers.lane import Lane
from workers.late_letters import send_late
from workers.schedules import Board

_LATE = timedelta(seconds=30)  # by then the job would have sent it
_BATCH = 100


async def _send(runtime: Runtime, job: SendVerificationMail) -> None:
    await send_verification_mail(runtime.uow, runtime.clock, runtime.mail, runtime.config.frontend_url, job.user_id)


async def _send_due(runtime: Runtime, job: SendDueMail) -> None:
    await send_due_mail(runtime.uow, runtime.clock, runtime.mail, runtime.config.frontend_url, job.mail_id, runtime.box)


async def sweep(runtime: Runtime) -> int:
    """How many letters left whose job was late."""
    late = runtime.clock.now() - _LATE
    unverified = [SendVerificationMail(user_id=one) for one in await store.users_without_verification_mail(late, _BATCH)]
    owed = [SendDueMail(mail_id=one) for one in await account_store.mails_due(late, _BATCH)]
    return await send_late(unverified, partial(_send, runtime)) + await send_late(owed, partial(_send_due, runtime))


def lanes(runtime: Runtime, board: Board) -> list[Lane]:
    async def run(_: OrgScope) -> ScheduleRun:
        return ScheduleRun(await sweep(runtime) + await organizations.sweep(runtime))

    return [Lane("account_letters", lambda: board.keep(ScheduleName.ACCOUNT_LETTERS, run))]


ACTORS = [
    Actor(SendVerificationMail, _send, "Letter to verify an address"),
    Actor(SendDueMail, _send_due, "Letter about an account"),
]

"""Actors of people: the mails they get."""

from datetime import timedelta

from crypto_api.flows.send_due_mail import send_due_mail
from crypto_api.flows.send_verification_mail import send_verification_mail
from crypto_api.identity import account_store, store
from crypto_api.identity.jobs import SendDueMail, SendVerificationMail
from crypto_api.kit import log
from crypto_api.kit.errors import Unavailable
from crypto_api.kit.scope import OrgScope
from crypto_api.runtime import Runtime
from crypto_api.tasks.types import ScheduleName, ScheduleRun
from workers import organizations
from workers.actor import Actor
from workers.lane import Lane
from workers.schedules import Board

_LATE = timedelta(seconds=30)  # by then the job would have sent it
_BATCH = 100
_logger = log.get(__name__)


async def _send(runtime: Runtime, job: SendVerificationMail) -> None:
    await send_verification_mail(runtime.uow, runtime.clock, runtime.mail, runtime.config.frontend_url, job.user_id)


async def _send_due(runtime: Runtime, job: SendDueMail) -> None:
    await send_due_mail(runtime.uow, runtime.clock, runtime.mail, runtime.config.frontend_url, job.mail_id, runtime.box)


async def sweep_due(runtime: Runtime) -> int:
    """Letters that are owed and whose job was lost, or which the mail server did not take."""
    sent = 0
    for mail_id in await account_store.mails_due(runtime.clock.now() - _LATE, _BATCH):
        try:
            await _send_due(runtime, SendDueMail(mail_id=mail_id))
            sent += 1
        except Unavailable as error:
            _logger.warning("due_mail_waits", mail_id=mail_id, reason=error.detail)
            break
    return sent


async def sweep(runtime: Runtime) -> int:
    """Mails whose job was lost, or which the mail server did not take."""
    sent = 0
    for user_id in await store.users_without_verification_mail(runtime.clock.now() - _LATE, _BATCH):
        try:
            await _send(runtime, SendVerificationMail(user_id=user_id))
            sent += 1
        except Unavailable as error:
            _logger.warning("verification_mail_waits", user_id=user_id, reason=error.detail)
            break
    return sent


def lanes(runtime: Runtime, board: Board) -> list[Lane]:
    async def run(_: OrgScope) -> ScheduleRun:
        return ScheduleRun(await sweep(runtime) + await sweep_due(runtime) + await organizations.sweep(runtime))

    return [Lane("account_letters", lambda: board.keep(ScheduleName.ACCOUNT_LETTERS, run))]


ACTORS = [
    Actor(SendVerificationMail, _send, "Letter to verify an address"),
    Actor(SendDueMail, _send_due, "Letter about an account"),
]

"""Actors of people: the mails they get."""

import asyncio
from datetime import timedelta

from crypto_api.flows.send_due_mail import send_due_mail
from crypto_api.flows.send_verification_mail import send_verification_mail
from crypto_api.identity import account_store, store
from crypto_api.identity.jobs import SendDueMail, SendVerificationMail
from crypto_api.kit import log
from crypto_api.kit.errors import Unavailable
from crypto_api.runtime import Runtime
from workers.actor import Actor
from workers.lane import Lane

SWEEP_S = 15.0
_LATE = timedelta(seconds=30)  # by then the job would have sent it
_BATCH = 100
_logger = log.get(__name__)


async def _send(runtime: Runtime, job: SendVerificationMail) -> None:
    await send_verification_mail(runtime.uow, runtime.clock, runtime.mail, runtime.config.frontend_url, job.user_id)


async def _send_due(runtime: Runtime, job: SendDueMail) -> None:
    await send_due_mail(runtime.uow, runtime.clock, runtime.mail, runtime.config.frontend_url, job.mail_id, runtime.box)


async def sweep_due(runtime: Runtime) -> None:
    """Letters that are owed and whose job was lost, or which the mail server did not take."""
    while True:
        for mail_id in await account_store.mails_due(runtime.clock.now() - _LATE, _BATCH):
            try:
                await _send_due(runtime, SendDueMail(mail_id=mail_id))
            except Unavailable as error:
                _logger.warning("due_mail_waits", mail_id=mail_id, reason=error.detail)
                break
        await asyncio.sleep(SWEEP_S)


async def sweep(runtime: Runtime) -> None:
    """Mails whose job was lost, or which the mail server did not take."""
    while True:
        for user_id in await store.users_without_verification_mail(runtime.clock.now() - _LATE, _BATCH):
            try:
                await _send(runtime, SendVerificationMail(user_id=user_id))
            except Unavailable as error:
                _logger.warning("verification_mail_waits", user_id=user_id, reason=error.detail)
                break
        await asyncio.sleep(SWEEP_S)


def lanes(runtime: Runtime) -> list[Lane]:
    return [Lane("verification_mails", lambda: sweep(runtime)), Lane("due_mails", lambda: sweep_due(runtime))]


ACTORS = [Actor(SendVerificationMail, _send), Actor(SendDueMail, _send_due)]

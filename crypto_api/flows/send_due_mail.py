"""Letters that are owed to people: the job sends one by its id, the sweep those whose job was lost. Links and their tokens are made here, so that
neither the queue nor the database ever holds one. Safe to run twice: a second letter has a link of its own, and the first one ends."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from crypto_api.flows.notice_text import notice_text
from crypto_api.flows.payslip_statement import Scribe
from crypto_api.flows.read_payslips import payslip_file
from crypto_api.flows.send_verification_mail import MailPort, send_verification_mail
from crypto_api.identity import account_store as accounts
from crypto_api.identity import service as identity
from crypto_api.identity import store as identities
from crypto_api.identity.documents import DueMail, OneTimePurpose, User
from crypto_api.identity.types import RESET_LIFETIME, SET_PASSWORD_LIFETIME, VERIFICATION_LIFETIME, Letter, SecretBoxPort
from crypto_api.kit.clock import Clock
from crypto_api.kit.languages import noted, said
from crypto_api.kit.mail import Attachment
from crypto_api.organizations import store as organizations
from crypto_api.organizations.types import PayslipMail
from crypto_api.payroll import store as payroll
from mongodb_config.unit_of_work import UnitOfWork

Written = tuple[str, str]
"""Subject and text."""

_RESET = noted("""Hello {first_name},

somebody, hopefully you, asked for a new password for your Coffer account ({username}). To choose one, open

    {link}

within an hour. It works once, and only the newest of such links works. A program can send the token to POST /api/auth/reset-password/ instead:

    {token}

If it was not you, there is nothing to do: your password stays as it is.
""")
_SET = noted("""Hello {first_name},

{made_by} made an account at Coffer for you. Your user name there is {username}; your e-mail address will do as well. To choose the password
and join, open

    {link}

within seven days. A program can send the token to POST /api/auth/reset-password/ instead:

    {token}
""")
_CHANGE = noted("""Hello {first_name},

to make this the e-mail address of your Coffer account ({username}), open

    {link}

within two days. Until then the old address stays. A program can send the token to POST /api/auth/verify-email/ instead:

    {token}

If it was not you, there is nothing to do.
""")
_PRICE_ALERT = noted("""Hello {first_name},

{said}: it was {rate} at {at} ({origin}).
{note}
You made this alert in {organization}. It tells once for each crossing. What it saw last, and where it is changed, paused or deleted:

    {link}
""")
_PAYSLIP = noted("""Hello {first_name},

your payslip of {organization} for {period} is there. It can be read and downloaded, by you alone, at

    {link}
""")
_RECEIVING_KEY = noted("""Hello {first_name},

{by} changed where clients of {organization} pay to. {now}

If nobody of you meant that, put the right key back and end the sessions of {by} before the next invoice goes out. It stands at

    {link}
""")
_OTHER_KEY = noted("""Invoices get their addresses from another key, whose first one is

    {first}

Compare it with what your own wallet shows.""")
_NO_KEY = noted("No invoice gets an address of its own any more.")
_KNOWN = noted("""Hello {first_name},

somebody, perhaps you, gave this e-mail address for a Coffer account. You have one already; its user name is {username}. To log in, open

    {link}

If you have forgotten the password, ask for a new one there. If it was not you, there is nothing to do: nothing has changed.
""")

_RESET_SUBJECT = noted("A new password for Coffer")
_SET_SUBJECT = noted("Choose your password for Coffer")
_CHANGE_SUBJECT = noted("Verify your new e-mail address for Coffer")
_KNOWN_SUBJECT = noted("You have a Coffer account already")
_PRICE_ALERT_SUBJECT = noted("Price alert: {said}")
_PAYSLIP_SUBJECT = noted("Your payslip of {organization}")
_RECEIVING_KEY_SUBJECT = noted("Where clients of {organization} pay to was changed")
_SOMEBODY = noted("Somebody")


class LetterPort(MailPort, Protocol):
    async def send(self, to: str, subject: str, text: str, *, attachments: Sequence[Attachment] = ()) -> object: ...


async def send_due_mail(uow: UnitOfWork, clock: Clock, mail: LetterPort, frontend_url: str, mail_id: str, box: SecretBoxPort) -> bool:
    """`box` opens the key that signs payslips. False when there is nothing to send (any more). Unavailable when the mail server does not take it:
    try again later."""
    due = await accounts.mail_due(mail_id)
    user = await identities.user(due.user_id) if due is not None and due.user_id is not None else None
    if due is None:
        return False
    sent = user is not None and await _send(Scribe(uow, clock, box, frontend_url.rstrip("/")), mail, due, user)
    now = clock.now()
    await uow.run(lambda session: accounts.mark_mail_sent(session, mail_id, now))
    return sent


async def _send(scribe: Scribe, mail: LetterPort, due: DueMail, user: User) -> bool:
    uow, clock, site = scribe.uow, scribe.clock, scribe.site
    if due.kind is Letter.VERIFY_EMAIL:
        return await send_verification_mail(uow, clock, mail, site, user.id)
    written = await _WRITERS[due.kind](uow, clock, site, due, user)
    if written is None:
        return False
    await mail.send(due.to, *written, attachments=await _attached(scribe, due))
    return True


async def _attached(scribe: Scribe, due: DueMail) -> list[Attachment]:
    """The payslip itself, where its organisation wants that by now."""
    if due.kind is not Letter.PAYSLIP:
        return []
    organization, row = await organizations.get(due.data["org_id"]), await payroll.payslip(due.data["org_id"], due.data["payslip"])
    if organization is None or row is None or organization.payslip_mail is not PayslipMail.ATTACHED:
        return []
    file = await payslip_file(scribe, row)
    return [Attachment(file.name, file.content, "application", "pdf")]


async def _reset(uow: UnitOfWork, clock: Clock, site: str, due: DueMail, user: User) -> Written | None:
    return await _for_password(uow, clock, site, user, OneTimePurpose.RESET_PASSWORD, _RESET_SUBJECT, _RESET)


async def _set(uow: UnitOfWork, clock: Clock, site: str, due: DueMail, user: User) -> Written | None:
    if user.password_hash is not None:
        return None
    told = {"made_by": due.data.get("organization") or said(_SOMEBODY, user.language), "username": due.data.get("username") or user.username}
    return await _for_password(uow, clock, site, user, OneTimePurpose.SET_PASSWORD, _SET_SUBJECT, _SET, told)


async def _for_password(
    uow: UnitOfWork, clock: Clock, site: str, user: User, purpose: OneTimePurpose, subject: str, text: str, told: Mapping[str, str] | None = None
) -> Written | None:
    if user.suspended_at is not None:
        return None
    now = clock.now()
    lifetime = RESET_LIFETIME if purpose is OneTimePurpose.RESET_PASSWORD else SET_PASSWORD_LIFETIME
    token = await uow.run(lambda session: identity.issue_one_time(session, user.id, purpose, lifetime, now))
    link = f"{site}/reset-password/?token={token}"
    words = {"first_name": user.first_name, "username": user.username, "link": link, "token": token} | dict(told or {})
    return _written(user, subject, text, words)


async def _change_email(uow: UnitOfWork, clock: Clock, site: str, due: DueMail, user: User) -> Written | None:
    if user.pending_email != due.to:
        return None
    owner = await identities.user_by_email(due.to)
    if owner is not None:  # told to the owner of the address alone
        return await _known(uow, clock, site, due, owner)
    now, data = clock.now(), {"email": due.to}
    token = await uow.run(
        lambda session: identity.issue_one_time(session, user.id, OneTimePurpose.VERIFY_EMAIL, VERIFICATION_LIFETIME, now, data=data)
    )
    link = f"{site}/verify-email/?token={token}"
    return _written(user, _CHANGE_SUBJECT, _CHANGE, {"first_name": user.first_name, "username": user.username, "link": link, "token": token})


async def _known(uow: UnitOfWork, clock: Clock, site: str, due: DueMail, user: User) -> Written | None:
    """Who never opened the link of an account with this address may not be the one who made it: the owner of the address chooses the password."""
    if user.email_verified_at is None:
        return await _reset(uow, clock, site, due, user)
    return _written(user, _KNOWN_SUBJECT, _KNOWN, {"first_name": user.first_name, "username": user.username, "link": f"{site}/login/"})


async def _notice(uow: UnitOfWork, clock: Clock, site: str, due: DueMail, user: User) -> Written | None:
    return notice_text(user, due.data, due.created_at, site)


async def _price_alert(uow: UnitOfWork, clock: Clock, site: str, due: DueMail, user: User) -> Written | None:
    note = f"\n    {due.data['note']}\n" if due.data["note"] else ""
    told = due.data | {"note": note, "first_name": user.first_name, "link": f"{site}/prices/alerts/"}
    return _written(user, _PRICE_ALERT_SUBJECT, _PRICE_ALERT, told)


async def _payslip(uow: UnitOfWork, clock: Clock, site: str, due: DueMail, user: User) -> Written | None:
    told = due.data | {"first_name": user.first_name, "link": f"{site}/my-pay/{due.data['payslip']}/"}
    return _written(user, _PAYSLIP_SUBJECT, _PAYSLIP, told)


async def _receiving_key(uow: UnitOfWork, clock: Clock, site: str, due: DueMail, user: User) -> Written | None:
    first = due.data["first"]
    now = said(_OTHER_KEY, user.language).format(first=first) if first else said(_NO_KEY, user.language)
    told = due.data | {"first_name": user.first_name, "now": now, "link": f"{site}/invoices/receiving/"}
    return _written(user, _RECEIVING_KEY_SUBJECT, _RECEIVING_KEY, told)


def _written(user: User, subject: str, text: str, words: Mapping[str, str]) -> Written:
    """Filled in, in the language of who reads it."""
    return said(subject, user.language).format(**words), said(text, user.language).format(**words)


_WRITERS: dict[Letter, Callable[[UnitOfWork, Clock, str, DueMail, User], Awaitable[Written | None]]] = {
    Letter.RESET_PASSWORD: _reset,
    Letter.SET_PASSWORD: _set,
    Letter.CHANGE_EMAIL: _change_email,
    Letter.ALREADY_REGISTERED: _known,
    Letter.NOTICE: _notice,
    Letter.PRICE_ALERT: _price_alert,
    Letter.PAYSLIP: _payslip,
    Letter.RECEIVING_KEY: _receiving_key,
}

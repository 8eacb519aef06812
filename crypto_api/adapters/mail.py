"""Outgoing mail over SMTP. In mock mode a letter is put into a directory as `.eml`, where a person trying things out can open it."""

import asyncio
from collections.abc import Sequence
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from ipaddress import ip_address
from pathlib import Path

import aiosmtplib

from crypto_api.kit import log
from crypto_api.kit.ids import new_id
from crypto_api.kit.mail import Attachment, MailNotTaken

logger = log.get(__name__)

TIMEOUT_S = 10
SUBMISSIONS = 465  # RFC 8314, section 3.3
_PERMANENT = 500  # RFC 5321, section 4.2.1: 5yz


class Mailer:
    def __init__(
        self,
        host: str,
        port: int,
        *,
        user: str = "",
        password: str = "",
        sender: str,
        tls: bool = False,
        mock: bool = False,
        mock_dir: Path = Path("logs/mail"),
    ) -> None:
        """`tls`: nothing is said to a server that has no STARTTLS, or whose certificate is not good: whoever stands between could have taken it
        away, and would read the log-in and every link in a letter. Port 465 is TLS from the start (RFC 8314) in any case."""
        self._host, self._port, self._user, self._password = host, port, user, password
        self._tls = tls
        self._sender, self._mock, self._mock_dir = sender, mock, mock_dir

    async def send(
        self, to: str, subject: str, text: str, *, attachments: Sequence[Attachment] = (), message_id: str = "", reply_to: str = ""
    ) -> str:
        """What the mail server said when it took it. MailNotTaken (Unavailable) when it did not. What the letter says is never logged: it may hold a
        secret link."""
        letter = EmailMessage()
        letter["From"], letter["To"], letter["Subject"] = self._sender, to, subject
        letter["Date"], letter["Message-ID"] = formatdate(usegmt=True), message_id or make_msgid(domain="coffer.local")
        if reply_to:
            letter["Reply-To"] = reply_to
        letter.set_content(text)
        for file in attachments:
            letter.add_attachment(file.content, maintype=file.maintype, subtype=file.subtype, filename=file.name)
        answer = await asyncio.to_thread(self._keep, letter) if self._mock else await self._deliver(letter)
        logger.info("mail sent", to=to, subject=subject, mock=self._mock)
        return answer

    async def _deliver(self, letter: EmailMessage) -> str:
        try:
            _, answer = await aiosmtplib.send(
                letter,
                hostname=self._host,
                port=self._port,
                username=self._user or None,
                password=self._password or None,
                use_tls=self._port == SUBMISSIONS,
                start_tls=None if self._port == SUBMISSIONS or not self._tls else True,
                timeout=TIMEOUT_S,
            )
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            detail = f"the mail server at {self._host}:{self._port} did not take the letter ({type(error).__name__})"
            raise MailNotTaken(detail, answer=_said(error), permanent=_is_permanent(error)) from error
        return answer

    def _keep(self, letter: EmailMessage) -> str:
        self._mock_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._mock_dir / f"{new_id('mail')}.eml"
        path.touch(mode=0o600)
        path.write_bytes(letter.as_bytes())
        logger.info("mail kept in a file", path=str(path))
        return "kept in a file (EMAIL_MOCK_MODE)"


def is_this_machine(host: str) -> bool:
    """Where nobody stands between."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.rstrip(".").lower() == "localhost"


def _is_permanent(error: Exception) -> bool:
    """A refusal of this letter: of its recipient, or of what it holds. What it says to us (our log-in) may be mended."""
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        return all(refused.code >= _PERMANENT for refused in error.recipients)
    return isinstance(error, aiosmtplib.SMTPDataError) and error.code >= _PERMANENT


def _said(error: Exception) -> str:
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        return "; ".join(f"{refused.code} {refused.message}" for refused in error.recipients)
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return f"{error.code} {error.message}"
    return str(error)[:200] if "STARTTLS" in str(error) else f"no answer ({type(error).__name__})"

"""Outgoing mail over SMTP. In mock mode a letter is put into a directory as `.eml`, where a person trying things out can open it."""

import asyncio
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path

import aiosmtplib

from crypto_api.kit import log
from crypto_api.kit.errors import Unavailable
from crypto_api.kit.ids import new_id

logger = log.get(__name__)

TIMEOUT_S = 10


class Mailer:
    def __init__(
        self, host: str, port: int, *, user: str = "", password: str = "", sender: str, mock: bool = False, mock_dir: Path = Path("logs/mail")
    ) -> None:
        self._host, self._port, self._user, self._password = host, port, user, password
        self._sender, self._mock, self._mock_dir = sender, mock, mock_dir

    async def send(self, to: str, subject: str, text: str) -> None:
        """Unavailable when the mail server does not take it. What the letter says is never logged: it may hold a secret link."""
        letter = EmailMessage()
        letter["From"], letter["To"], letter["Subject"] = self._sender, to, subject
        letter["Date"], letter["Message-ID"] = formatdate(usegmt=True), make_msgid(domain="coffer.local")
        letter.set_content(text)
        if self._mock:
            await asyncio.to_thread(self._keep, letter)
        else:
            await self._deliver(letter)
        logger.info("mail sent", to=to, subject=subject, mock=self._mock)

    async def _deliver(self, letter: EmailMessage) -> None:
        try:
            await aiosmtplib.send(
                letter,
                hostname=self._host,
                port=self._port,
                username=self._user or None,
                password=self._password or None,
                timeout=TIMEOUT_S,
            )
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            raise Unavailable(f"the mail server at {self._host}:{self._port} did not take the letter ({type(error).__name__})") from error

    def _keep(self, letter: EmailMessage) -> None:
        self._mock_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._mock_dir / f"{new_id('mail')}.eml"
        path.touch(mode=0o600)
        path.write_bytes(letter.as_bytes())
        logger.info("mail kept in a file", path=str(path))

"""Mail over a real SMTP server, and into files."""

from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from crypto_api.adapters.mail import Mailer, is_this_machine
from crypto_api.kit.errors import Unavailable
from crypto_api.kit.mail import MailNotTaken


class Inbox:
    def __init__(self, reply: str = "250 OK") -> None:
        self.letters: list[Any] = []
        self._reply = reply

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802  # the name that aiosmtpd calls
        self.letters.append(envelope)
        return self._reply


async def test_a_letter_arrives(unused_tcp_port: int) -> None:
    inbox = Inbox()
    controller = Controller(inbox, hostname="127.0.0.1", port=unused_tcp_port)
    controller.start()
    try:
        await Mailer("127.0.0.1", unused_tcp_port, sender="coffer@example.com").send("ada@example.com", "Grüße", "Hello Ada,\n\nsee you.\n")
    finally:
        controller.stop()
    (envelope,) = inbox.letters
    letter = message_from_bytes(envelope.content, policy=policy.default)
    assert (envelope.mail_from, envelope.rcpt_tos) == ("coffer@example.com", ["ada@example.com"])
    assert (letter["Subject"], letter["To"]) == ("Grüße", "ada@example.com")
    assert letter.get_content().splitlines() == ["Hello Ada,", "", "see you."]


async def test_a_server_that_is_away_or_refuses_is_told(unused_tcp_port: int) -> None:
    with pytest.raises(Unavailable, match="did not take the letter"):
        await Mailer("127.0.0.1", unused_tcp_port, sender="a@example.com").send("b@example.com", "x", "y")
    controller = Controller(Inbox("554 no"), hostname="127.0.0.1", port=unused_tcp_port)
    controller.start()
    try:
        with pytest.raises(Unavailable):
            await Mailer("127.0.0.1", unused_tcp_port, sender="a@example.com").send("b@example.com", "x", "y")
    finally:
        controller.stop()


async def test_a_line_break_in_a_header_is_refused(tmp_path: Path) -> None:
    mailer = Mailer("127.0.0.1", 1, sender="a@example.com", mock=True, mock_dir=tmp_path)
    for to, subject in (("b@example.com\nBcc: c@example.com", "x"), ("b@example.com", "x\r\nBcc: c@example.com")):
        with pytest.raises(ValueError, match=r"linefeed|newline|header"):
            await mailer.send(to, subject, "y")
    assert list(tmp_path.iterdir()) == []


async def test_a_server_without_starttls_is_told_nothing_where_it_is_required(unused_tcp_port: int) -> None:
    inbox = Inbox()
    controller = Controller(inbox, hostname="127.0.0.1", port=unused_tcp_port)
    controller.start()
    try:
        mailer = Mailer("127.0.0.1", unused_tcp_port, user="ada", password="secret", sender="a@example.com", tls=True)
        with pytest.raises(MailNotTaken) as refused:
            await mailer.send("b@example.com", "x", "y")
    finally:
        controller.stop()
    assert inbox.letters == [] and "STARTTLS" in refused.value.answer and not refused.value.permanent


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("[::1]", True),
        ("localhost", True),
        ("Localhost.", True),
        ("10.0.0.7", False),
        ("mail.example.com", False),
        ("localhost.example.com", False),
    ],
)
def test_only_this_machine_needs_no_tls(host: str, here: bool) -> None:
    assert is_this_machine(host) is here

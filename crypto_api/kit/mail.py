"""What a letter carries, and how a mail server that does not take it is told of."""

from dataclasses import dataclass

from crypto_api.kit.errors import Unavailable


@dataclass(frozen=True)
class Attachment:
    name: str
    content: bytes
    maintype: str
    subtype: str


class MailNotTaken(Unavailable):
    """`permanent`: the server refused this letter for good (RFC 5321, section 4.2.1: 5yz). Otherwise it may take it later."""

    def __init__(self, detail: str, *, answer: str, permanent: bool) -> None:
        super().__init__(detail)
        self.answer, self.permanent = answer, permanent

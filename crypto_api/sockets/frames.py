"""The frames of a console: what a client may send, checked strictly, and what the server says, encoded."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec

LENGTH_MAX = 1_024  # characters of a client's frame; the longest legal one is far shorter
NUMBER_MAX = 2**53  # what every JSON reader keeps exactly
_Id = Annotated[int, msgspec.Meta(ge=0, le=NUMBER_MAX)] | Annotated[str, msgspec.Meta(max_length=64)]


class Resume(msgspec.Struct, tag_field="type", tag="resume", forbid_unknown_fields=True, frozen=True):
    """Replay what follows this number."""

    after: Annotated[int, msgspec.Meta(ge=0, le=NUMBER_MAX)]


class Ping(msgspec.Struct, tag_field="type", tag="ping", forbid_unknown_fields=True, frozen=True):
    id: _Id | None = None


class Pong(msgspec.Struct, tag_field="type", tag="pong", forbid_unknown_fields=True, frozen=True):
    id: _Id | None = None


class BadFrame(Exception):
    """Not a frame of this protocol; the text says why."""


_decoder = msgspec.json.Decoder(Resume | Ping | Pong)


def _whole(value: object) -> int:
    """The driver reads a number of more than 32 bits as a class of its own."""
    if isinstance(value, int):
        return int(value)
    raise TypeError(f"no event holds a {type(value).__name__}")


_encoder = msgspec.json.Encoder(enc_hook=_whole)


def decode(text: str) -> Resume | Ping | Pong:
    if len(text) > LENGTH_MAX:
        raise BadFrame(f"longer than {LENGTH_MAX} characters")
    try:
        frame: Resume | Ping | Pong = _decoder.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError) as error:
        raise BadFrame(str(error)[:200]) from error
    return frame


def resume_in_address(values: Sequence[str]) -> Resume | None:
    """The frame that `?after=12` stands for, said with the handshake; None where the address has no `after`."""
    if not values:
        return None
    text = values[0]
    if len(values) > 1 or not (text.isascii() and text.isdecimal()) or len(text) > 16 or int(text) > NUMBER_MAX:
        raise BadFrame("after: one number from 0 on")
    return Resume(int(text))


def encode(kind: str, at: datetime, data: dict[str, Any], **numbers: int) -> str:
    """`numbers`: `seq` for a snapshot or heartbeat (the head), `seq` and `prev` for an event."""
    return _encoder.encode({"type": kind, **numbers, "at": rfc3339(at), "data": data}).decode()


def ping(number: int) -> str:
    return f'{{"type":"ping","id":{number}}}'


def pong(frame: Ping) -> str:
    return _encoder.encode({"type": "pong", "id": frame.id}).decode()


def rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"

"""What attackers send on a socket: one attack is what goes over one connection, with the close codes of which one has to come back.

Standard library only.
"""

import json
import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.fuzz.wire import ABNORMAL, BINARY, CLOSE, CONT, INVALID_DATA, PING, PONG, PROTOCOL_ERROR, TEXT, TOO_BIG, frame

BAD_FRAME, UNAUTHENTICATED, FORBIDDEN = 4400, 4401, 4403
MESSAGE_BYTES_MAX = 65_536
FRAMES_AT_ONCE = 100  # more than these, at once, and a console is closed
ANY: frozenset[int] | None = None
EDGE = frozenset({403})  # control characters in an address are refused before anybody reads it


@dataclass(frozen=True)
class Target:
    """What the attackers know."""

    paths: list[str]
    other_org: str
    used_ticket: str
    old_ticket: str
    head: int  # of the log, when they began


@dataclass(frozen=True)
class Attack:
    name: str
    frames: list[bytes] = field(default_factory=list)
    closes: frozenset[int] | None = ANY  # one of these has to come; None: it may stay open, and must then answer a ping
    refused: frozenset[int] = frozenset()  # or the handshake is answered by one of these
    path: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    cookie: bool = True
    request: bytes | None = None  # instead of a handshake
    together: bool = False  # in one piece, so that they are read together
    reads: bool = True  # False: takes nothing of what comes
    leaves: bool = False  # goes away in the middle, without a word


def one_of(*codes: int) -> frozenset[int]:
    return frozenset(codes)


def text(value: Any) -> bytes:
    return frame(TEXT, value if isinstance(value, bytes) else json.dumps(value).encode())


# ---- frames that are none ------------------------------------------------------------------------------------------------------------


def bad_opcode(random: Random, _: Target) -> Attack:
    return Attack(
        "bad opcode", [frame(random.choice([3, 4, 5, 6, 7, 11, 12, 13, 14, 15]), random.randbytes(random.randrange(40)))], one_of(PROTOCOL_ERROR)
    )


def reserved_bits(random: Random, _: Target) -> Attack:
    opcode = random.choice([TEXT, BINARY, PING, CONT, CLOSE])
    return Attack("reserved bits", [frame(opcode, b"{}", reserved=random.randrange(1, 8))], one_of(PROTOCOL_ERROR))


def unmasked(random: Random, _: Target) -> Attack:
    return Attack("unmasked", [frame(random.choice([TEXT, PING, CLOSE]), b'{"type":"ping"}', masked=False)], one_of(PROTOCOL_ERROR))


def long_control(random: Random, _: Target) -> Attack:
    opcode = random.choice([PING, PONG, CLOSE])
    return Attack("control frame too long", [frame(opcode, random.randbytes(random.randrange(126, 3000)))], one_of(PROTOCOL_ERROR))


def fragmented_control(random: Random, _: Target) -> Attack:
    return Attack("fragmented control frame", [frame(random.choice([PING, PONG, CLOSE]), b"", fin=False)], one_of(PROTOCOL_ERROR))


def bad_close(random: Random, _: Target) -> Attack:
    payload = random.choice([b"\x03", *(struct.pack("!H", code) for code in (0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65535))])
    return Attack("close frame that says nothing", [frame(CLOSE, payload)], one_of(PROTOCOL_ERROR))


def bad_close_reason(random: Random, _: Target) -> Attack:
    return Attack("close reason that is no UTF-8", [frame(CLOSE, struct.pack("!H", 1000) + b"\xff\xfe")], one_of(INVALID_DATA))


NO_UTF8 = (b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b'{"type":"ping","id":"\xfe"}', b"\x80" * 200)


def bad_utf8(random: Random, _: Target) -> Attack:
    return Attack("no UTF-8", [frame(TEXT, random.choice(NO_UTF8))], one_of(INVALID_DATA))


def bad_utf8_in_pieces(random: Random, _: Target) -> Attack:
    pieces = [frame(TEXT, b'{"type":"ping","id":"\xe2', fin=False), frame(CONT, b"\x28", fin=False), frame(CONT, b'\xa1"}')]
    return Attack("no UTF-8 in pieces", pieces, one_of(INVALID_DATA), together=random.random() < 0.5)


def bad_utf8_and_close(random: Random, _: Target) -> Attack:
    """In one segment: the end is known before the text is looked at."""
    return Attack(
        "no UTF-8 and a close together",
        [frame(TEXT, random.choice(NO_UTF8)), frame(CLOSE, struct.pack("!H", 1000))],
        one_of(1000, INVALID_DATA),
        together=True,
    )


def text_and_close(random: Random, _: Target) -> Attack:
    frames = [text({"type": "ping", "id": number}) for number in range(random.randrange(1, 5))]
    return Attack("text and a close together", [*frames, frame(CLOSE, struct.pack("!H", 1000))], one_of(1000), together=True)


def text_and_rubbish(random: Random, _: Target) -> Attack:
    return Attack("text and a bad frame together", [text({"type": "ping"}), frame(7, b"")], one_of(PROTOCOL_ERROR), together=True)


def after_close(random: Random, _: Target) -> Attack:
    return Attack(
        "frames behind a close", [frame(CLOSE, struct.pack("!H", 1000)), *(text({"type": "ping"}) for _ in range(9))], one_of(1000), together=True
    )


# ---- lengths and pieces --------------------------------------------------------------------------------------------------------------


def announced_64_mb(random: Random, _: Target) -> Attack:
    begun = frame(random.choice([TEXT, BINARY]), random.randbytes(2000), announced=random.choice([64 * 2**20, MESSAGE_BYTES_MAX + 1, 2**40]))
    return Attack("64 MB announced", [begun], one_of(TOO_BIG))


def impossible_length(random: Random, _: Target) -> Attack:
    return Attack("a length of more than 63 bits", [frame(TEXT, b"x", announced=2**63 + random.randrange(2**40))], one_of(PROTOCOL_ERROR, TOO_BIG))


def wide_length(random: Random, _: Target) -> Attack:
    return Attack("a length in more bytes than it needs", [frame(TEXT, b'{"type":"ping"}', wide=random.choice([2, 8]))])


def cut_off(random: Random, _: Target) -> Attack:
    whole = text({"type": "ping", "id": "x" * 60})
    return Attack("cut off", [whole[: random.randrange(1, len(whole))]], leaves=True)


def pieces_too_long_together(random: Random, _: Target) -> Attack:
    piece = b"x" * 20_000
    return Attack(
        "pieces that are too long together",
        [frame(TEXT, piece, fin=False), *(frame(CONT, piece, fin=False) for _ in range(6))],
        one_of(TOO_BIG, ABNORMAL),
    )


def many_pieces(random: Random, _: Target) -> Attack:
    body = json.dumps({"type": "ping", "id": "x" * random.randrange(64)}).encode()
    pieces = [frame(TEXT, b"", fin=False)]
    for place in range(len(body)):
        pieces += [frame(PING, b"between")] if random.random() < 0.1 else []
        pieces += [frame(CONT, body[place : place + 1], fin=False), *([frame(CONT, b"", fin=False)] * random.randrange(3))]
    return Attack("a legal message in many pieces", [*pieces, frame(CONT, b"")])


def piece_of_nothing(random: Random, _: Target) -> Attack:
    return Attack("a piece of no message", [frame(CONT, b"{}", fin=random.random() < 0.5)], one_of(PROTOCOL_ERROR))


def message_within_a_message(random: Random, _: Target) -> Attack:
    return Attack("a message within a message", [frame(TEXT, b'{"type":', fin=False), text({"type": "ping"})], one_of(PROTOCOL_ERROR))


def deflated_bomb(random: Random, _: Target) -> Attack:
    """A few kilobytes that are 64 MB."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -12)
    packed = packer.compress(b"[" * (16 * 2**20)) + packer.flush(zlib.Z_SYNC_FLUSH)
    bomb = frame(TEXT, packed[:-4][:60_000], reserved=4)
    offer = {"Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits=12"}
    return Attack("a bomb of zeros", [bomb], one_of(TOO_BIG, PROTOCOL_ERROR, INVALID_DATA), headers=offer)


def deflated_rubbish(random: Random, _: Target) -> Attack:
    offer = {"Sec-WebSocket-Extensions": random.choice(["permessage-deflate", "permessage-deflate; client_max_window_bits"])}
    return Attack("packed rubbish", [frame(TEXT, random.randbytes(random.randrange(1, 300)), reserved=4)], headers=offer)


# ---- much of it ----------------------------------------------------------------------------------------------------------------------


def ping_flood(random: Random, _: Target) -> Attack:
    return Attack("ping flood", [frame(PING, random.randbytes(125))] * 500, together=True)


def ping_flood_unread(random: Random, _: Target) -> Attack:
    """Each is answered, and nobody takes the answers."""
    return Attack("ping flood, unread", [frame(PING, b"x" * 125)] * 20_000, reads=False, together=True, leaves=True)


def pong_flood(random: Random, _: Target) -> Attack:
    return Attack("pongs that nobody asked for", [frame(PONG, random.randbytes(random.randrange(125)))] * 300, together=True)


def flood(random: Random, _: Target) -> Attack:
    return Attack(
        "too many messages", [text({"type": "ping", "id": number}) for number in range(6 * FRAMES_AT_ONCE)], one_of(BAD_FRAME), together=True
    )


def resume_flood(random: Random, target: Target) -> Attack:
    frames = [text({"type": "resume", "after": random.randrange(target.head + 1)}) for _ in range(random.randrange(1, FRAMES_AT_ONCE // 2))]
    return Attack("resumed again and again", frames, together=random.random() < 0.5)


def reads_nothing(random: Random, target: Target) -> Attack:
    return Attack("reads nothing", [text({"type": "resume", "after": 0})], reads=False, leaves=True)


# ---- messages that are none ----------------------------------------------------------------------------------------------------------

NOT_NUMBERS = (*(b"-1", b"1.5", b"1e400", b"9007199254740993", b"1" * 500, b'"1"', b"true", b"null", b"NaN", b"Infinity", b"[1]", b'{"$gt":0}', b""),)


def bad_after(random: Random, _: Target) -> Attack:
    return Attack("a wrong `after`", [text(b'{"type":"resume","after":' + random.choice(NOT_NUMBERS) + b"}")], one_of(BAD_FRAME))


def deep(random: Random, _: Target) -> Attack:
    depth = random.choice([400, 500, 30_000])
    kind = random.choice([(b"[", b"]"), (b'{"a":', b"}")])
    body = (kind[0] * depth + b"1" + kind[1] * depth)[: MESSAGE_BYTES_MAX - 1]
    return Attack("deep", [text(b'{"type":"ping","id":' + body[: MESSAGE_BYTES_MAX - 30] + b"}")], one_of(BAD_FRAME))


def huge(random: Random, _: Target) -> Attack:
    size = random.choice([1025, 20_000, MESSAGE_BYTES_MAX - 40])
    return Attack("huge", [text({"type": "ping", "id": "x" * size})], one_of(BAD_FRAME))


WRONG = (
    *([], "x", 1, None, True, {}, {"type": None}, {"type": 1}, {"type": ["ping"]}, {"type": "PING"}, {"type": {"$ne": None}}),
    *({"type": "ping", "id": -1}, {"type": "ping", "id": 1.5}, {"type": "ping", "id": {}}, {"type": "ping", "more": 1}),
    *({"type": "resume"}, {"type": "resume", "after": 0, "org_id": "x"}, {"type": "hello"}, {"type": "snapshot", "data": {}}),
    {"__proto__": {"type": "ping"}},
)


def wrong_types(random: Random, _: Target) -> Attack:
    return Attack("of wrong types", [text(random.choice(WRONG))], one_of(BAD_FRAME))


def no_json(random: Random, _: Target) -> Attack:
    body = random.choice(
        [
            b"",
            b"{",
            b'{"type":"ping"}}',
            b"\x00",
            b"{'type':'ping'}",
            b'{"type":"ping"',
            b'\xef\xbb\xbf{"type":"ping"}',
            b"<x/>",
            b'{"type":"\\ud800"}',
        ]
    )
    return Attack("no JSON", [text(body)], one_of(BAD_FRAME))


def binary(random: Random, _: Target) -> Attack:
    return Attack("binary", [frame(BINARY, random.choice([b'{"type":"ping"}', random.randbytes(200), b""]))], one_of(BAD_FRAME))


def asks_for_another(random: Random, target: Target) -> Attack:
    wish = random.choice([{"type": "subscribe"}, {"type": "resume", "after": 0}, {"type": "ping"}])
    key = random.choice(["org_id", "organization_id", "organization", "channel", "group"])
    return Attack("asks for another organisation", [text({**wish, key: target.other_org})], one_of(BAD_FRAME))


def changed(random: Random, target: Target) -> Attack:
    """Legal frames in which some bits are others."""
    legal = [text({"type": "ping", "id": 7}), text({"type": "resume", "after": target.head}), frame(PING, b"abc"), frame(PONG, b"abc")]
    frames = []
    for _ in range(random.randrange(1, 12)):
        raw = bytearray(random.choice(legal))
        for _ in range(random.randrange(3)):
            raw[random.randrange(len(raw))] ^= 1 << random.randrange(8)
        frames.append(bytes(raw))
    return Attack("changed at random", frames, together=random.random() < 0.5, leaves=True)


def rubbish(random: Random, _: Target) -> Attack:
    return Attack("rubbish", [random.randbytes(random.randrange(1, 400)) for _ in range(random.randrange(1, 6))], leaves=True)


# ---- whoever may not come in ---------------------------------------------------------------------------------------------------------


def wrong_origin(random: Random, _: Target) -> Attack:
    origin = random.choice(["https://evil.example", "null", "http://127.0.0.1", "file://", "http://localhost:8000.evil.example", "http://[::1", ""])
    return Attack("wrong origin", [text({"type": "resume", "after": 0})], one_of(FORBIDDEN), headers={"Origin": origin})


def no_cookie(random: Random, _: Target) -> Attack:
    return Attack("nobody", [text({"type": "resume", "after": 0})], one_of(UNAUTHENTICATED), cookie=False)


def strange_cookie(random: Random, _: Target) -> Attack:
    value = random.choice(["x", "\xff" * 50, "a=b; ; =", '"', "coffer_session=", "x" * 3000])
    return Attack(
        "a cookie of nobody",
        closes=one_of(UNAUTHENTICATED, FORBIDDEN),
        refused=one_of(400, 403),
        cookie=False,
        headers={"Cookie": f"coffer_session={value}"},
    )


def ticket_again(random: Random, target: Target) -> Attack:
    path = f"{random.choice(target.paths)}?ticket={random.choice([target.used_ticket, target.old_ticket])}"
    return Attack("a ticket that is used or too old", [text({"type": "resume", "after": 0})], one_of(UNAUTHENTICATED), path=path, cookie=False)


def two_tickets(random: Random, target: Target) -> Attack:
    query = random.choice(["ticket=a&ticket=b", "ticket=", "ticket[$ne]=x", "ticket=%00", f"ticket={'x' * 3000}", "&".join(["a=b"] * 40)])
    return Attack("tickets that are none", [], one_of(UNAUTHENTICATED), EDGE, path=f"{random.choice(target.paths)}?{query}", cookie=False)


def address_of_another(random: Random, target: Target) -> Attack:
    key = random.choice(["org_id", "organization_id", "organization"])
    return Attack(
        "another organisation in the address", [text({"type": "resume", "after": 0})], path=f"/api/ws/events/?{key}={target.other_org}&after=0"
    )


def bad_after_in_address(random: Random, _: Target) -> Attack:
    value = random.choice(["-1", "1.5", "9" * 40, "x", "", "%00", "1&after=2", "0x10", "%EF%BC%91"])
    return Attack("a wrong `after` in the address", [], one_of(BAD_FRAME), EDGE, path=f"/api/ws/events/?after={value}")


def bad_handshake(random: Random, target: Target) -> Attack:
    changes = random.choice(
        [
            {"Sec-WebSocket-Version": "12"}, {"Sec-WebSocket-Key": "short"}, {"Sec-WebSocket-Key": ""}, {"Upgrade": "h2c"}, {"Connection": "close"},
            {"Sec-WebSocket-Extensions": "permessage-deflate; server_max_window_bits=99"}, {"Sec-WebSocket-Extensions": "\xff;=;"},
            {"Sec-WebSocket-Protocol": "a, b, \xff"}, {"X-Long": "x" * 9000}, {f"X-{number}": "y" for number in range(200)},
        ]
    )  # fmt: skip
    return Attack("a handshake that is none", [text({"type": "ping"})], headers=changes, leaves=True)


def nowhere(random: Random, _: Target) -> Attack:
    path = random.choice(["/", "/api/ws/", "/api/ws/events", "/api/ws/events/../admin/", "/%00", "/api/ws/admin/%2e%2e/events/", "/" + "x" * 3000])
    return Attack("a console that is not there", [], path=path, leaves=True)


def no_request(random: Random, _: Target) -> Attack:
    begun = b"GET /api/ws/events/ HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    rest = random.choice(
        [b"Sec-WebSocket-Key: \x00\r\n\r\n", b"\r\n" + frame(TEXT, b"{}"), b"Content-Length: 5\r\n\r\nabcde", b": x\r\n\r\n", b"A\r\n\r\n"]
    )
    return Attack("a request that is none", request=begun + rest, leaves=True)


Maker = Callable[[Random, Target], Attack]
ONE_CONNECTION_EACH: tuple[Maker, ...] = (
    *(bad_opcode, reserved_bits, unmasked, long_control, fragmented_control, bad_close, bad_close_reason, bad_utf8, bad_utf8_in_pieces),
    *(bad_utf8_and_close, text_and_close, text_and_rubbish, after_close, announced_64_mb, impossible_length, wide_length, cut_off),
    *(pieces_too_long_together, many_pieces, piece_of_nothing, message_within_a_message, deflated_bomb, deflated_rubbish),
    *(pong_flood, resume_flood, bad_after, deep, huge, wrong_types, no_json, binary, asks_for_another, changed, rubbish),
    *(
        wrong_origin,
        no_cookie,
        strange_cookie,
        ticket_again,
        two_tickets,
        address_of_another,
        bad_after_in_address,
        bad_handshake,
        nowhere,
        no_request,
    ),
)
MANY_FRAMES: tuple[Maker, ...] = (ping_flood, flood, ping_flood_unread, reads_nothing)
EVERY = ONE_CONNECTION_EACH + MANY_FRAMES


def planned(random: Random, target: Target, number: int) -> Attack:
    """Each kind once, in an order of the seed, before any comes again; of the floods fewer."""
    kinds = ONE_CONNECTION_EACH * 3 + MANY_FRAMES if number >= len(EVERY) else EVERY
    return (kinds[number] if number < len(EVERY) else random.choice(kinds))(random, target)

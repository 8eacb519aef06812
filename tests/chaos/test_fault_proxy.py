"""Each fault of a link does what it says."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from tests.chaos.fault_proxy import LINE_FAULTS, Corrupt, Delay, HalfOpen, LineFault, Link, LoseReply, Reset, Stall, Trickle, Truncate

ASKED, ANSWERED = b"pay 5 to Ada\n", b"it is done, and here is the receipt\n"
SOON_S, PATIENCE_S = 0.2, 30.0


@dataclass
class Server:
    """Answers each line, and remembers what it was asked."""

    heard: list[bytes] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            self.heard.append(line)
            writer.write(ANSWERED)
        writer.close()


@asynccontextmanager
async def linked(fault: LineFault | None) -> AsyncIterator[tuple[Server, Link, asyncio.StreamReader, asyncio.StreamWriter]]:
    """A client whose connection stood before the fault came."""
    made = Server()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    async with Link("test", "127.0.0.1", server.sockets[0].getsockname()[1], seed=1) as link:
        reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
        writer.write(ASKED)
        assert await asyncio.wait_for(reader.readline(), PATIENCE_S) == ANSWERED
        made.heard.clear()
        if fault is not None:
            link.befall(fault)
        yield made, link, reader, writer
        writer.transport.abort()
    server.close()


async def answered(reader: asyncio.StreamReader, within_s: float = PATIENCE_S) -> bytes:
    """What came; nothing where nothing did, or the connection broke."""
    try:
        return await asyncio.wait_for(reader.readline(), within_s)
    except (TimeoutError, ConnectionError):
        return b""


async def test_without_a_fault_all_comes_through_and_nothing_is_counted() -> None:
    async with linked(None) as (server, link, reader, writer):
        writer.write(ASKED)
        assert await answered(reader) == ANSWERED
        assert (server.heard, link.fired, link.connections) == ([ASKED], {}, 1)


async def test_a_reply_is_lost_after_its_effect_and_a_reset_comes_before_it() -> None:
    for fault, heard in ((LoseReply(), [ASKED]), (Reset(), [])):
        async with linked(fault) as (server, link, reader, writer):
            writer.write(ASKED)
            assert await answered(reader) == b""
            assert (server.heard, link.fired[fault.name]) == (heard, 1), fault


async def test_a_stall_holds_back_and_then_lets_go() -> None:
    async with linked(Stall()) as (server, link, reader, writer):
        writer.write(ASKED)
        assert (await answered(reader, SOON_S), server.heard) == (b"", [])
        link.heal()
        assert (await answered(reader), server.heard, link.fired["Stall"]) == (ANSWERED, [ASKED], 1)


async def test_what_a_half_open_connection_takes_is_lost_and_it_is_reset_when_the_network_is_back() -> None:
    async with linked(HalfOpen()) as (server, link, reader, writer):
        writer.write(ASKED)
        assert (await answered(reader, SOON_S), server.heard) == (b"", [])
        link.heal()
        with pytest.raises(ConnectionError):
            while await asyncio.wait_for(reader.readline(), PATIENCE_S):
                pass
            raise ConnectionResetError  # the end came in good order: just as final
        assert server.heard == []


async def test_late_slow_cut_off_and_broken_replies() -> None:
    async with linked(Delay(seconds=SOON_S)) as (_, _, reader, writer):
        began = time.monotonic()
        writer.write(ASKED)
        assert await answered(reader) == ANSWERED
        assert time.monotonic() - began >= SOON_S * 0.9
    async with linked(Trickle()) as (_, _, reader, writer):
        writer.write(ASKED)
        first = await asyncio.wait_for(reader.read(100), PATIENCE_S)
        assert 0 < len(first) < len(ANSWERED)
        assert first + await answered(reader) == ANSWERED
    async with linked(Truncate()) as (server, _, reader, writer):
        writer.write(ASKED)
        assert (await answered(reader), server.heard) == (ANSWERED[: len(ANSWERED) // 2], [ASKED])
    async with linked(Corrupt()) as (_, _, reader, writer):
        writer.write(ASKED)
        came = await answered(reader)
        assert came != ANSWERED and came[8:] == ANSWERED[8:]


async def test_a_share_of_pieces_is_hit_by_the_seed_and_new_connections_as_well_as_old_ones() -> None:
    async with linked(Reset(share=0.0)) as (_, link, reader, writer):
        writer.write(ASKED)
        assert (await answered(reader), link.fired.total()) == (ANSWERED, 0)
        link.befall(Reset())
        other_reader, other_writer = await asyncio.open_connection("127.0.0.1", link.port)
        other_writer.write(ASKED)
        assert await answered(other_reader) == b""
        other_writer.close()
    assert {fault.__name__ for fault in LINE_FAULTS} == {"Delay", "Stall", "HalfOpen", "Reset", "LoseReply", "Trickle", "Truncate", "Corrupt"}


async def test_a_server_that_is_not_there_breaks_the_connection() -> None:
    async with Link("test", "127.0.0.1", 1) as link:
        reader, _ = await asyncio.open_connection("127.0.0.1", link.port)
        assert await answered(reader) == b""

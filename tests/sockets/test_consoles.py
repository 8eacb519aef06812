"""What a console is told, in which order, and who is let in."""

import asyncio
import itertools
import time
from typing import Any

import pytest
from redis.asyncio import Redis
from websockets.asyncio.client import connect

from crypto_api.adapters.channel_layer import TOPIC
from crypto_api.organizations.documents import Membership
from crypto_api.organizations.types import Role
from crypto_api.runtime import Runtime
from crypto_api.sockets import consumers as consumers_module
from crypto_api.sockets import hub as hub_module
from crypto_api.sockets.hub import EventHub
from tests.sockets.conftest import Console, Member, Whispered, append, console, new_member, new_organization, numbered, say, serving

pytestmark = pytest.mark.usefixtures("relay")


def numbers(frames: list[dict[str, Any]]) -> list[int]:
    return [frame["seq"] for frame in frames]


def links(frames: list[dict[str, Any]]) -> list[tuple[int, int]]:
    return [(frame["prev"], frame["seq"]) for frame in frames]


async def test_hello_snapshot_then_live_frames_in_order(runtime: Runtime, api: str, admin: Member) -> None:
    await say(runtime, admin.org_id, 1, 2, 3)
    await numbered(admin.org_id, 3)
    async with console(api, await admin.ticket()) as client:
        hello = await client.next("hello")
        assert hello["data"] == {"seq": 3, "heartbeat": 20}
        snapshot = await client.next("snapshot")
        assert snapshot["seq"] == 3
        assert "prev" not in snapshot
        assert snapshot["data"] == {"counts": {"transactions": {}, "tasks": {}}}
        await say(runtime, admin.org_id, 4, 5)
        frames = await client.until_seq(5)
        assert links(frames) == [(3, 4), (4, 5)]
        assert [frame["data"] for frame in frames] == [{"number": 4}, {"number": 5}]
        assert frames[0]["type"] == "test.said"
        assert frames[0]["at"].endswith("Z")


async def test_resume_replays_before_anything_live(runtime: Runtime, api: str, admin: Member) -> None:
    await say(runtime, admin.org_id, *range(1, 21))
    await numbered(admin.org_id, 20)
    async with console(api, await admin.ticket()) as client:
        await client.send(type="resume", after=12)
        await say(runtime, admin.org_id, 21, 22)
        assert links(await client.until_seq(22)) == [(number - 1, number) for number in range(13, 23)]


async def test_a_late_resume_fills_the_gap_and_repeats_nothing(runtime: Runtime, api: str, admin: Member) -> None:
    await say(runtime, admin.org_id, *range(1, 6))
    await numbered(admin.org_id, 5)
    async with console(api, await admin.ticket()) as client:
        await client.send(type="resume", after=0)
        await client.until_seq(5)
        await client.send(type="resume", after=2)  # of this very socket: what followed it comes again, as asked
        await client.next(lambda frame: frame.get("seq") == 5 and "prev" in frame)
        assert numbers(client.numbered) == [1, 2, 3, 4, 5, 3, 4, 5]
    async with console(api, await admin.ticket()) as client:
        await client.send(type="ping", id=1)  # said something: live from now on
        await client.next("pong")
        await say(runtime, admin.org_id, 6, 7)
        await client.until_seq(7)
        await client.send(type="resume", after=3)  # where it stopped before this socket
        await say(runtime, admin.org_id, 8)
        assert links(await client.until_seq(8)) == [(5, 6), (6, 7), (3, 4), (4, 5), (7, 8)]  # each once, and what came before it is named


async def test_where_it_stopped_in_the_address_comes_before_anything_live(
    runtime: Runtime, api: str, admin: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However late the client's first frame would reach a busy server: the server waits for none."""
    monkeypatch.setattr(consumers_module, "RESUME_GRACE_S", 0.0)
    await say(runtime, admin.org_id, *range(1, 6))
    await numbered(admin.org_id, 5)
    async with console(api, await admin.ticket(), after=2) as client:
        await say(runtime, admin.org_id, 6)
        await client.until_seq(6)
        assert [frame["type"] for frame in client.frames[:2]] == ["hello", "snapshot"]
        await client.send(type="resume", after=6)  # said once more, as a client may: nothing comes twice
        await say(runtime, admin.org_id, 7)
        assert links(await client.until_seq(7)) == [(2, 3), (3, 4), (4, 5), (5, 6), (6, 7)]
    async with console(api, await admin.ticket(), after=99) as client:  # never given: everything afresh
        for _ in range(2):
            assert (await client.next("snapshot"))["seq"] == 7
        await say(runtime, admin.org_id, 8)
        assert links(await client.until_seq(8)) == [(7, 8)]
    async with console(api, await admin.ticket(), "/api/ws/admin/dashboard-stats/", after=0) as client:
        for _ in range(2):
            assert (await client.next("snapshot"))["seq"] == 8


async def test_a_number_in_the_address_that_is_none_is_explained_to_members_alone(api: str, admin: Member) -> None:
    for text in ("", "-1", "+1", "1.5", "1e3", "0x1", "\u0661", "9007199254740993", "1" * 200, "1&after=2"):
        async with connect(f"{api}/api/ws/events/?ticket={await admin.ticket()}&after={text}", proxy=None) as line:
            client = Console(line)
            assert await client.closed() == 4400, text
            assert [(frame["type"], frame["data"]["code"]) for frame in client.frames] == [("error", "bad_frame")], text
    async with console(api, "wrong", after="x") as client:
        assert await client.closed() == 4401
        assert client.frames == []


async def test_a_resume_that_had_arrived_counts_however_late_the_server_reads_it(
    runtime: Runtime, api: str, admin: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    grace_s = 0.6
    monkeypatch.setattr(consumers_module, "RESUME_GRACE_S", grace_s)
    async with console(api, await admin.ticket(), after=0) as witness, asyncio.timeout(120):
        for head in itertools.count(5):
            ticket, started = await admin.ticket(), time.monotonic()
            async with console(api, ticket) as client:
                await say(runtime, admin.org_id, *range(head if head > 5 else 1, head + 1))
                await witness.until_seq(head)
                await client.send(type="resume", after=2)
                if time.monotonic() - started > grace_s / 2:
                    continue  # the machine is busy: this word may be late
                time.sleep(grace_s)  # the server's loop stands still, and then finds the word and the end of the wait together
                assert links(await client.until_seq(head)) == [(number - 1, number) for number in range(3, head + 1)]
                return


async def test_an_unusable_resume_gets_a_fresh_snapshot(runtime: Runtime, api: str, admin: Member, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crypto_api.sockets.serving.REPLAY_MAX", 5)
    await say(runtime, admin.org_id, *range(1, 11))
    await numbered(admin.org_id, 10)
    async with console(api, await admin.ticket()) as client:
        await client.send(type="resume", after=0)
        await client.next("snapshot")
        for after in (1, 999):  # too old, and never given
            await client.send(type="resume", after=after)
            assert (await client.next("snapshot"))["seq"] == 10
        await say(runtime, admin.org_id, 11)
        assert links(await client.until_seq(11))[-1] == (10, 11)


async def test_each_sees_what_the_role_may_see_and_the_chain_of_prev_shows_it(runtime: Runtime, api: str, org_id: str, admin: Member) -> None:
    accountant = await new_member(runtime, org_id, Role.ACCOUNTANT)
    user = await new_member(runtime, org_id, Role.USER)
    nobody = await new_member(runtime, org_id, Role.CLIENT)
    async with (
        console(api, await admin.ticket()) as sees_all,
        console(api, await accountant.ticket()) as sees_both,
        console(api, await user.ticket()) as sees_said,
        console(api, await nobody.ticket()) as sees_none,
    ):
        for client in (sees_all, sees_both, sees_said, sees_none):
            await client.next("snapshot")
            await client.send(type="ping", id=0)
        for number in range(1, 10, 3):
            await say(runtime, org_id, number)
            await append(runtime, org_id, Whispered(number=number + 1), Whispered(number=number + 2))
        await say(runtime, org_id, 10)
        assert links(await sees_all.until_seq(10)) == [(number - 1, number) for number in range(1, 11)]
        assert links(await sees_both.until_seq(10)) == [(number - 1, number) for number in range(1, 11)]
        assert links(await sees_said.until_seq(10)) == [(0, 1), (1, 4), (4, 7), (7, 10)]
        await sees_none.next("heartbeat", timeout_s=30)
        assert sees_none.numbered == []
        await sees_said.send(type="resume", after=2)  # a number it never saw: the link names the one it did
        await sees_said.next(lambda frame: frame.get("seq") == 10 and "prev" in frame)
        assert links(sees_said.numbered)[-3:] == [(1, 4), (4, 7), (7, 10)]


async def test_another_organisation_hears_nothing(runtime: Runtime, api: str, org_id: str) -> None:
    other_id = await new_organization(runtime, "Other")
    stranger = await new_member(runtime, other_id, Role.ADMIN)
    async with console(api, await stranger.ticket()) as client:
        await client.next("snapshot")
        await say(runtime, org_id, 1)
        await say(runtime, other_id, 2)
        frame = (await client.until_seq(1))[0]
        assert frame["data"] == {"number": 2}
        assert len(client.numbered) == 1


async def test_without_a_ticket_nobody_is_let_in(api: str) -> None:
    for path in ("/api/ws/events/", "/api/ws/admin/task-logs/", "/api/ws/admin/dashboard-stats/"):
        for ticket in (None, "", "wrong"):
            async with console(api, ticket, path) as client:
                assert await client.closed() == 4401


async def test_a_ticket_opens_one_socket(api: str, admin: Member) -> None:
    ticket = await admin.ticket()
    async with console(api, ticket) as client:
        await client.next("hello")
        async with console(api, ticket) as second:
            assert await second.closed() == 4401


async def test_consoles_of_the_administration_need_their_permission(runtime: Runtime, api: str, org_id: str) -> None:
    accountant = await new_member(runtime, org_id, Role.ACCOUNTANT)
    outsider = await new_member(runtime, org_id, None)
    async with console(api, await accountant.ticket(), "/api/ws/admin/task-logs/") as client:
        assert await client.closed() == 4403
    async with console(api, await outsider.ticket()) as client:
        assert await client.closed() == 4403


async def test_the_origin_is_checked(api: str, admin: Member) -> None:
    own, cookie = api.replace("ws", "http", 1), {"Cookie": f"coffer_session={admin.cookie}"}
    for origin in ("http://evil.example", "null", own.rsplit(":", 1)[0] + ":1"):
        async with console(api, await admin.ticket(), origin=origin) as client:
            assert await client.closed() == 4403, origin
        async with console(api, None, origin=origin, additional_headers=cookie) as client:
            assert await client.closed() == 4403, origin
    for origin in (own, "http://127.0.0.1:8000"):  # the page of this very server, the configured front end
        async with console(api, None, origin=origin, additional_headers=cookie) as client:
            await client.next("hello")
    async with console(api, None, additional_headers=cookie) as client:  # a cookie without the page's name
        assert await client.closed() == 4403
    async with console(api, None, origin=own, additional_headers={"Cookie": "coffer_session=forged"}) as client:
        assert await client.closed() == 4401


BAD_FRAMES: list[str | bytes] = [
    "",
    "{",
    "[]",
    "null",
    '{"type": "subscribe"}',
    '{"type": "resume"}',
    '{"type": "resume", "after": -1}',
    '{"type": "resume", "after": "1"}',
    '{"type": "resume", "after": 1.5}',
    '{"type": "resume", "after": true}',
    '{"type": "resume", "after": 1, "org_id": "org_other"}',
    '{"type": "ping", "id": {"a": 1}}',
    '{"type": "ping", "id": "' + "x" * 2_000 + '"}',
    "[" * 900,
    b"\x00\x01",
]


async def test_a_bad_frame_is_explained_and_ends_the_socket(api: str, admin: Member) -> None:
    for frame in BAD_FRAMES:
        async with console(api, await admin.ticket()) as client:
            await client.next("snapshot")
            await client.socket.send(frame)
            assert await client.closed() == 4400, frame
            assert client.frames[-1]["type"] == "error", frame
            assert client.frames[-1]["data"]["code"] == "bad_frame", frame


async def test_a_flood_of_frames_is_ended(api: str, admin: Member) -> None:
    async with console(api, await admin.ticket()) as client:
        await client.next("snapshot")
        for number in range(300):
            await client.send(type="ping", id=number)
        assert await client.closed() == 4400


async def test_ping_pong_and_the_heartbeat_that_carries_the_head(
    runtime: Runtime, org_id: str, admin: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "HEAD_S", 0.2)
    monkeypatch.setattr(hub_module, "HEARTBEAT_S", 0.4)
    monkeypatch.setattr(hub_module, "SILENT_S_MAX", 2.0)
    async with (
        EventHub(runtime.frames, runtime.clock) as hub,
        serving(runtime, hub) as address,
        console(address, await admin.ticket()) as talks,
        console(address, await admin.ticket()) as silent,
    ):
        await talks.send(type="ping", id=7)
        assert await talks.next("pong") == {"type": "pong", "id": 7}
        await say(runtime, org_id, 1)
        await talks.next(lambda frame: frame["type"] == "heartbeat" and frame["seq"] == 1)
        ended = asyncio.create_task(silent.closed())
        while not ended.done():
            asked = await talks.next("ping")
            await talks.send(type="pong", id=asked["id"])
        assert await ended == 4408
        await talks.next("ping")  # who answers stays


async def test_the_end_of_the_session_ends_the_socket(runtime: Runtime, api: str, org_id: str, admin: Member) -> None:
    demoted = await new_member(runtime, org_id, Role.MANAGER)
    removed = await new_member(runtime, org_id, Role.MANAGER)
    async with (
        console(api, await admin.ticket()) as first,
        console(api, await demoted.ticket()) as second,
        console(api, await removed.ticket()) as third,
    ):
        for client in (first, second, third):
            await client.next("hello")
        await admin.log_out()
        rows = Membership.get_pymongo_collection()
        await rows.update_one({"org_id": org_id, "user_id": demoted.user_id}, {"$set": {"role": "USER"}})
        await rows.delete_one({"org_id": org_id, "user_id": removed.user_id})
        assert await first.closed(5) == 4401
        assert await second.closed(5) == 4401
        assert await third.closed(5) == 4403
    async with console(api, await demoted.ticket()) as client:
        await client.next("hello")  # comes back with the new role


async def test_those_who_come_and_go_leave_nothing_behind(runtime: Runtime, org_id: str, admin: Member) -> None:
    """Three hundred times: members who go properly or vanish, before they are greeted or after, and strangers."""
    async with EventHub(runtime.frames, runtime.clock) as hub, serving(runtime, hub) as api, Redis.from_url(runtime.config.redis_url) as redis:
        own = api.replace("ws", "http", 1)

        async def visit(number: int) -> None:
            cookie = {"Cookie": f"coffer_session={admin.cookie if number % 5 else 'forged'}"}
            async with console(api, None, origin=own, additional_headers=cookie, after=0) as client:
                if number % 3:
                    await (client.next("hello") if number % 5 else client.closed())
                if number % 2:
                    client.socket.transport.abort()

        await visit(1)
        before = len(asyncio.all_tasks())
        for start in range(0, 300, 20):
            await asyncio.gather(*(visit(start + number) for number in range(20)))
        async with asyncio.timeout(60):
            while hub.online(org_id) or hub._channel_of or hub._channels or len(asyncio.all_tasks()) > before:
                await asyncio.sleep(0.05)
        assert await redis.pubsub_numsub(TOPIC) == [(TOPIC.encode(), 1)]  # of the process, however many consoles there were
        assert hub.members._waiting == {}


async def test_an_unknown_console_is_refused(api: str, admin: Member) -> None:
    from websockets.exceptions import InvalidStatus

    with pytest.raises(InvalidStatus):
        async with console(api, await admin.ticket(), "/api/ws/elsewhere/"):
            pass


async def test_the_stats_console_is_told_anew_when_things_change(runtime: Runtime, api: str, org_id: str, admin: Member) -> None:
    async with console(api, await admin.ticket(), "/api/ws/admin/dashboard-stats/") as client:
        first = (await client.next("snapshot"))["data"]
        assert first["events_written"] == 0
        assert first["consoles_online"] == 1
        assert first["queue_depth"] == 0
        assert first["transactions"] == {}
        assert first["networks"] == []
        await say(runtime, org_id, 1, 2)
        told = await client.next(lambda frame: frame["type"] == "snapshot" and frame["data"]["events_written"] == 2)
        assert told["seq"] == 2
        await client.send(type="resume", after=0)
        assert (await client.next("snapshot"))["seq"] == 2
        assert client.numbered == []

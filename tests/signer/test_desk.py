"""The socket of the signer: who may ask, and what happens to whatever is no question."""

import asyncio
import os
import socket
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import orjson
import pytest

from crypto_api.adapters.signer import FRAME_BYTES_MAX, SignerClient, reachable
from crypto_api.kit.clock import SystemClock
from crypto_api.kit.errors import InvalidInput
from crypto_api.kit.signing import KeyParcels, SignerUnavailable
from signer import desk as desks
from signer.desk import Desk, SocketInUse, peer_uid
from signer.operations import Operations
from tests.factories.signer import Signing


async def unbound() -> None:
    raise AssertionError("no question here needs the database")


@asynccontextmanager
async def desk(signing: Signing, path: Path, **values: Any) -> AsyncIterator[Path]:
    async with Desk(Operations(signing.vault, SystemClock(), unbound), path, **values):
        yield path


async def send(path: Path, raw: bytes, *, end: bool = False) -> bytes:
    with reachable(path) as where:
        reader, writer = await asyncio.open_unix_connection(where)
    try:
        writer.write(raw)
        await writer.drain()
        if end:
            writer.write_eof()
        async with asyncio.timeout(60):
            return await reader.readline()
    except ConnectionError:
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize(
    ("frame", "answer"),
    [
        (b"\n", "bad_frame"),
        (b"{\n", "bad_frame"),
        (b"[]\n", "bad_frame"),
        (b"null\n", "bad_frame"),
        (b'"health"\n', "bad_frame"),
        (b"{}\n", "bad_frame"),
        (b'{"op":1}\n', "bad_frame"),
        (b'{"op":null}\n', "bad_frame"),
        (b"\xff\xfe\n", "bad_frame"),
        (b"[" * 5_000 + b"\n", "bad_frame"),
        (b"GET / HTTP/1.1\r\n\r\n", "bad_frame"),
        (b'{"op":"' + b"x" * FRAME_BYTES_MAX + b'"}\n', "frame_too_large"),
        (b'{"op":"export"}\n', "bad_question"),
        (b'{"op":"open","org_id":"o","wallet_id":"w"}\n', "bad_question"),
        (b'{"op":"public_key","more":1}\n', "bad_question"),
        (b'{"op":"seal"}\n', "bad_question"),
        (b'{"op":"seal","org_id":"o","wallet_id":"w"}\n', "bad_question"),
        (b'{"op":"seal","org_id":"o|x","wallet_id":"w","private_key":"p"}\n', "bad_question"),
        (b'{"op":"seal","org_id":"o","wallet_id":"w","private_key":1}\n', "bad_question"),
        (b'{"op":"seal","org_id":"o","wallet_id":"w","keystore":"{}"}\n', "bad_question"),
        (b'{"op":"seal","org_id":"o","wallet_id":"w","private_key":"p","keystore":"{}","keystore_password":"p"}\n', "bad_question"),
        (b'{"op":"sign_payments"}\n', "bad_question"),
        (b'{"op":"sign_payments","asked":[]}\n', "bad_question"),
        (b'{"op":"sign_payments","asked":[{"org_id":{"$ne":1},"payment_id":"p","attempt_id":"a"}]}\n', "bad_question"),
        (b'{"op":"sign_payments","asked":[{"org_id":"o","payment_id":["p"],"attempt_id":"a"}]}\n', "bad_question"),
        (b'{"op":"sign_payments","asked":[{"org_id":"o","payment_id":"p","attempt_id":"a","raw":"0x"}]}\n', "bad_question"),
        (b'{"op":"sign_payments","asked":{"org_id":"o","payment_id":"p","attempt_id":"a"}}\n', "bad_question"),
        (b'{"op":"sign_payments","asked":[' + b",".join([b'{"org_id":"o","payment_id":"p","attempt_id":"a"}'] * 257) + b"]}\n", "bad_question"),
        (b'{"op":"rewrap","org_id":"o","wallet_id":null}\n', "bad_question"),
    ],
)
async def test_what_is_no_question_is_refused_and_the_next_one_answered(signing: Signing, tmp_path: Path, frame: bytes, answer: str) -> None:
    async with desk(signing, tmp_path / "s.sock") as path:
        assert orjson.loads(await send(path, frame)) == {"error": answer}
        assert (await SignerClient(path).health())["key_id"] == "k1"


async def test_silence_and_half_a_question_are_cut_off(signing: Signing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desks, "FRAME_S_MAX", 0.1)
    async with desk(signing, tmp_path / "s.sock") as path:
        for raw in (b"", b'{"op":"hea'):
            assert await send(path, raw) == b""
        assert await send(path, b'{"op":"health"', end=True) == b""


async def test_several_questions_on_one_connection_are_answered_in_order(signing: Signing, tmp_path: Path) -> None:
    async with desk(signing, tmp_path / "s.sock") as path:
        with reachable(path) as where:
            reader, writer = await asyncio.open_unix_connection(where)
        writer.write(b'{"op":"health"}\n{"op":"public_key"}\n{"op":"nothing"}\n')
        told = [orjson.loads(await reader.readline()) for _ in range(3)]
        assert [next(iter(row.get("result", row))) for row in told] == ["key_id", "kid", "error"]
        writer.close()


async def test_only_its_own_user_may_ask_and_those_named(signing: Signing, tmp_path: Path) -> None:
    async with desk(signing, tmp_path / "s.sock", peer=lambda _: 4711) as path:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        with pytest.raises(SignerUnavailable):
            await SignerClient(path).health()
    async with desk(signing, tmp_path / "s.sock", peer=lambda _: 4711, uids=[4711]) as path:
        await SignerClient(path).health()


def test_the_kernel_says_who_is_at_the_other_end() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert peer_uid(ours) == os.geteuid()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
async def test_another_user_is_turned_away_by_the_socket_itself(signing: Signing, tmp_path: Path) -> None:
    shared = Path(gettempdir())
    for folder in (tmp_path, *(parent for parent in tmp_path.parents if parent.is_relative_to(shared) and parent != shared)):
        folder.chmod(0o711)
    program = (
        "import os, socket, sys\nos.setuid(65534)\ns = socket.socket(socket.AF_UNIX)\n"
        'try:\n    s.connect(sys.argv[1]); s.send(b\'{"op":"health"}\\n\'); print(s.recv(100))\n'
        "except PermissionError: print('refused')\nexcept ConnectionError: print(b'')\n"
    )

    async def asked(path: Path) -> bytes:
        process = await asyncio.create_subprocess_exec("/usr/bin/env", "python3", "-c", program, str(path), stdout=asyncio.subprocess.PIPE)
        return (await process.communicate())[0].strip()

    async with desk(signing, tmp_path / "s.sock") as path:
        assert await asked(path) == b"refused"
        path.chmod(0o666)  # and if somebody widened it
        assert await asked(path) == b"b''"


async def test_a_second_signer_stays_away_and_a_dead_ones_socket_is_taken_over(signing: Signing, tmp_path: Path) -> None:
    async with desk(signing, tmp_path / "s.sock") as path:
        with pytest.raises(SocketInUse):
            async with desk(signing, path):
                pass
        await SignerClient(path).health()
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "s.sock"))
    async with desk(signing, tmp_path / "s.sock") as path:
        await SignerClient(path).health()
    assert not (tmp_path / "s.sock").exists()


async def test_a_path_longer_than_a_socket_takes_is_reached(signing: Signing, tmp_path: Path) -> None:
    async with desk(signing, tmp_path / ("x" * 120) / "s.sock") as path:
        await SignerClient(path).health()


async def test_nobody_there_is_told_as_such(tmp_path: Path) -> None:
    for path in (tmp_path / "none.sock", tmp_path / "no folder" / "none.sock"):
        with pytest.raises(SignerUnavailable):
            await SignerClient(path).public_key()


@pytest.mark.parametrize("answer", [b"", b"{}\n", b"[]\n", b"nonsense\n", b'{"error":"unavailable"}\n', b"x" * (FRAME_BYTES_MAX + 10)])
async def test_an_answer_that_is_none_is_told_as_such(tmp_path: Path, answer: bytes) -> None:
    """As of a signer that is killed in the middle of it, or of something else that listens there."""

    async def other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(answer)
        writer.close()

    async with await asyncio.start_unix_server(other, path=tmp_path / "s.sock"):
        with pytest.raises(SignerUnavailable):
            await SignerClient(tmp_path / "s.sock").public_key()


async def test_one_that_says_nothing_is_given_up(tmp_path: Path) -> None:
    async def other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_unix_server(other, path=tmp_path / "s.sock"):
        with pytest.raises(SignerUnavailable):
            await SignerClient(tmp_path / "s.sock", timeout_s=0.1).health()


async def test_a_keystore_larger_than_a_frame_is_told_at_its_field(signing: Signing) -> None:
    with pytest.raises(InvalidInput) as refused:
        await SignerClient(signing.socket).seal("o", "w", KeyParcels(keystore="x" * FRAME_BYTES_MAX, keystore_password="p"))
    assert refused.value.errors[0].field == "keystore"

"""What the API does not show by itself: the mail's job and its sweep, equal times, the security log."""

import asyncio
import contextlib
import time
from datetime import timedelta
from email import message_from_bytes, policy

import pytest
import structlog
from pydantic import ValidationError

from crypto_api.flows.register_account import register_account
from crypto_api.flows.send_due_mail import send_due_mail
from crypto_api.flows.sign_in import Credentials, refresh_session, sign_in, sign_out
from crypto_api.http.auth import door_of, tokens_of
from crypto_api.identity import passwords
from crypto_api.identity import service as identity
from crypto_api.identity.documents import DueMail, User
from crypto_api.identity.errors import InvalidCredentials, InvalidToken
from crypto_api.identity.jobs import SendDueMail, SendVerificationMail
from crypto_api.identity.types import Device, Letter, NewUser, Notice
from crypto_api.kit.languages import Language
from crypto_api.kit.session_spans import Spans
from crypto_api.runtime import Runtime
from crypto_project.catalogues import ensure_catalogues
from mongodb_config.unit_of_work import Session
from tests.conftest import ConfigMaker
from workers import identity as worker
from workers.jobs import ACTORS

PASSWORD = "a-river-of-9-stones"
ADA = NewUser("Ada", "Ada@Example.com", "Ada", "Byron")


async def registered(runtime: Runtime, *, verified: bool = False) -> User:
    user, _ = await register_account(runtime.uow, runtime.clock, ADA, PASSWORD, organization_name=None, bcrypt_cost=4, verified=verified)
    return user


def letters(runtime: Runtime) -> int:
    return len(list((runtime.config.log_dir / "mail").glob("*.eml")))


async def test_a_letter_is_in_the_language_of_who_reads_it(runtime: Runtime) -> None:
    ensure_catalogues()
    user = await registered(runtime)
    await User.find_all().update({"$set": {"language": Language.SPANISH}})
    told: list[tuple[Letter, dict[str, str]]] = [
        (Letter.VERIFY_EMAIL, {}),
        (Letter.NOTICE, {"what": Notice.PASSKEY_ADDED}),
        (Letter.RESET_PASSWORD, {}),
    ]
    told.append((Letter.RECEIVING_KEY, {"organization": "Byron", "by": "eve", "first": "0xab"}))
    told.append((Letter.PAYSLIP, {"organization": "Byron", "period": "x", "payslip": "psl_1", "org_id": "org_1"}))
    for kind, data in told:

        async def owe(session: Session, kind: Letter = kind, data: dict[str, str] = data) -> str:
            return await identity.owe_mail(session, kind, user.email, user.id, runtime.clock.now(), data=data)

        mail_id = await runtime.uow.run(owe)
        await send_due_mail(runtime.uow, runtime.clock, runtime.mail, "https://coffer.example", mail_id, runtime.box)
    read = [message_from_bytes(path.read_bytes(), policy=policy.default) for path in sorted((runtime.config.log_dir / "mail").glob("*.eml"))]
    assert {str(row["Subject"]) for row in read} == {
        "Verifique su dirección de correo para Coffer",
        "Un cambio en su cuenta de Coffer",
        "Una contraseña nueva para Coffer",
        "Cambió adónde pagan los clientes de Byron",
        "Su recibo de nómina de Byron",
    }
    texts = [row.get_content() for row in read]  # type: ignore[attr-defined]
    assert all(text.startswith("Hola, Ada:\n") and "{" not in text for text in texts)
    assert any("se añadió una llave de acceso a su cuenta" in text for text in texts)


async def test_the_job_sends_until_there_is_nothing_to_verify(runtime: Runtime) -> None:
    user = await registered(runtime)
    (actor,) = [actor for actor in ACTORS if actor.job is SendVerificationMail]
    await actor.run(runtime, SendVerificationMail(user_id=user.id))
    await actor.run(runtime, SendVerificationMail(user_id=user.id))  # a job may come twice
    assert letters(runtime) == 2
    await User.find_all().update({"$set": {"email_verified_at": runtime.clock.now()}})
    await actor.run(runtime, SendVerificationMail(user_id=user.id))
    await actor.run(runtime, SendVerificationMail(user_id="usr_gone"))
    assert letters(runtime) == 2


async def test_a_lost_job_is_made_up_for(runtime: Runtime) -> None:
    late, fresh = await registered(runtime), NewUser("bob", "bob@example.com", "Bob", "B")
    await register_account(runtime.uow, runtime.clock, fresh, PASSWORD, organization_name=None, bcrypt_cost=4)
    await User.find_one(User.id == late.id).update({"$set": {"created_at": runtime.clock.now() - timedelta(minutes=5)}})
    sweeping = asyncio.create_task(worker.sweep(runtime))
    async with asyncio.timeout(60):
        while (row := await User.get(late.id)) is None or row.verification_sent_at is None:
            await asyncio.sleep(0.01)
    sweeping.cancel()
    await asyncio.wait({sweeping}, timeout=30)
    assert letters(runtime) == 1  # the other one's job is still on its way


async def test_a_letter_that_is_owed_is_sent_once_its_job_is_late(runtime: Runtime) -> None:
    user, now = await registered(runtime, verified=True), runtime.clock.now()
    late, fresh = now - timedelta(minutes=5), now
    told = {"what": Notice.PASSWORD_CHANGED}
    for at in (late, fresh):
        await runtime.uow.run(lambda session, at=at: identity.owe_mail(session, Letter.NOTICE, user.email, user.id, at, data=told))
    await runtime.uow.run(lambda session: identity.owe_mail(session, Letter.RESET_PASSWORD, "nobody@example.com", None, late))
    sweeping = asyncio.create_task(worker.sweep(runtime))
    async with asyncio.timeout(60):
        while await DueMail.find({"sent_at": None}).count() > 1:
            await asyncio.sleep(0.01)
    sweeping.cancel()
    await asyncio.wait({sweeping}, timeout=30)
    assert letters(runtime) == 1  # the fresh one's job is still on its way; to nobody none goes
    (actor,) = [actor for actor in ACTORS if actor.job is SendDueMail]
    for row in await DueMail.find_all().to_list():
        await actor.run(runtime, SendDueMail(mail_id=row.id))
        await actor.run(runtime, SendDueMail(mail_id=row.id))  # a job may come twice
    assert letters(runtime) == 2


@pytest.mark.parametrize("rate", ["often", "0 per minute", "10", "10 per fortnight", "-1 per minute", "10/minute"])
def test_a_limit_that_cannot_be_read_stops_the_start(make_config: ConfigMaker, rate: str) -> None:
    with pytest.raises(ValidationError, match="must look like"):
        make_config(limit_mails=rate)


async def test_an_unknown_name_takes_as_long_as_a_wrong_password() -> None:
    cost = 8
    known = await passwords.hash_password(PASSWORD, cost)

    async def cpu_s(password_hash: str | None) -> float:
        """Of all threads, since bcrypt runs in one: other processes on this machine do not count."""
        started = time.process_time()
        for _ in range(10):
            assert not await passwords.matches("wrong", password_hash, cost)
        return time.process_time() - started

    await cpu_s(None)
    unknown, wrong = await cpu_s(None), await cpu_s(known)
    assert 0.7 < unknown / wrong < 1.4


@pytest.mark.parametrize("password", ["", "\x00", "x" * 500, "é" * 100, PASSWORD + "x", PASSWORD[:-1]])
async def test_only_the_password_matches(password: str) -> None:
    known = await passwords.hash_password(PASSWORD, 4)
    assert not await passwords.matches(password, known, 4)
    assert not await passwords.matches(password, None, 4)
    assert await passwords.matches(PASSWORD, known, 4)


async def test_every_security_event_is_told_without_a_secret(runtime: Runtime) -> None:
    tokens = tokens_of(runtime)
    device = Device("127.0.0.1", "x")
    with structlog.testing.capture_logs() as told:
        await registered(runtime, verified=True)
        with contextlib.suppress(InvalidCredentials):
            await sign_in(door_of(runtime), tokens, Credentials(None, "ada", "wrong-password"), Device(None, None))
        signed = await sign_in(door_of(runtime), tokens, Credentials("ada@example.com", None, PASSWORD), device)
        refreshed = await refresh_session(runtime.uow, runtime.clock, tokens, signed.refresh, Spans())
        with contextlib.suppress(InvalidToken):
            await refresh_session(runtime.uow, runtime.clock, tokens, signed.refresh, Spans())
        again = await sign_in(door_of(runtime), tokens, Credentials("ada@example.com", None, PASSWORD), Device(None, None))
        await sign_out(runtime.uow, runtime.clock, again.session_id)
    names = [entry["event"] for entry in told if entry["event"] != "signing_key_rotated"]
    assert names == ["registered", "log_in_refused", "logged_in", "refreshed", "refresh_reused", "logged_in", "logged_out"]
    everything = str(told)
    for secret in (PASSWORD, "wrong-password", signed.refresh, refreshed.refresh, signed.access, refreshed.access):
        assert secret not in everything

"""The operator's commands, as processes against a real database."""

import asyncio
import math
import os
import re
import subprocess
import sys
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path

import pyotp
import pytest

from crypto_api.audit import service as audit
from crypto_api.audit.documents import AuditRecord
from crypto_api.flows.access_tokens import AccessTokens, RingMemory
from crypto_api.flows.operate_accounts import PROOF_LIFETIME, NotProved, create_admin, new_password, reset_second_factor
from crypto_api.flows.second_factor import bound_to
from crypto_api.flows.sign_in import Credentials, sign_in
from crypto_api.http.auth import door_of, tokens_of
from crypto_api.identity import access_tokens
from crypto_api.identity.documents import DueMail, Passkey, Session, SigningKey, Totp, User
from crypto_api.identity.errors import InvalidCredentials, InvalidToken
from crypto_api.identity.types import Device, NewUser
from crypto_api.organizations.documents import Membership, Organization
from crypto_api.runtime import Runtime
from tests.conftest import TEST_SECRET_KEY

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "a-river-of-9-stones"
DEVICE = Device("127.0.0.1", None)
Run = Callable[..., Awaitable[subprocess.CompletedProcess[str]]]


@pytest.fixture
def run(runtime: Runtime) -> Run:
    """`manage.py` in a process of its own, on this test's database."""
    config = runtime.config
    env = os.environ | {
        "MONGODB_URI": config.mongodb_uri, "MONGODB_DATABASE": config.mongodb_database, "REDIS_URL": config.redis_url, "LOG_DIR": str(config.log_dir),
        "SECRET_KEY": TEST_SECRET_KEY, "EMAIL_MOCK_MODE": "true", "SECRET_KEY_PREVIOUS": "",
    }  # fmt: skip

    async def command(*arguments: str, stdin: str = "", **changed: str) -> subprocess.CompletedProcess[str]:
        return await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=env | changed,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=240,
        )

    return command


def person(name: str) -> list[str]:
    return ["--email", f"{name}@example.com", "--username", name, "--first-name", name.title(), "--last-name", "Byron"]


def test_a_password_that_is_made_up_has_128_bits() -> None:
    made = {new_password() for _ in range(20)}
    assert len(made) == 20 and all(re.fullmatch(r"(([a-z][aeo]){3}-){7}([a-z][aeo]){3}", password) for password in made)
    assert all(len(password.encode()) <= 72 for password in made)
    consonants, vowels = (len({password[place] for password in {new_password() for _ in range(2_000)}}) for place in (0, 1))
    assert 24 * math.log2(consonants * vowels) >= 128


async def log_in(runtime: Runtime, name: str, password: str = PASSWORD) -> Session:
    return (await sign_in(door_of(runtime), tokens_of(runtime), Credentials(None, name, password), DEVICE)).row


async def test_an_admin_of_the_installation_and_one_of_an_organisation(runtime: Runtime, run: Run) -> None:
    platform, founder = await asyncio.gather(
        run("create_admin", *person("root")),
        run("create_admin", *person("ada"), "--organization", "Byron Treasury", "--password-stdin", stdin=f"{PASSWORD}\n"),
    )
    assert platform.returncode == founder.returncode == 0, platform.stderr + founder.stderr
    assert "PLATFORM_ADMIN" in platform.stdout
    made = platform.stdout.split("password: ")[1].strip()
    root = await User.find_one({"username": "root"})
    assert root is not None and root.platform_admin and root.email_verified_at is not None
    assert (await log_in(runtime, "root", made)).org_id is None
    assert await Membership.find({"user_id": root.id}).count() == 0

    assert "password:" not in founder.stdout and PASSWORD not in founder.stdout
    (organization,) = await Organization.find_all().to_list()
    assert (await log_in(runtime, "ada")).org_id == organization.id
    (membership,) = await Membership.find_all().to_list()
    assert membership.role == "ADMIN"
    assert await AuditRecord.find({"action": "account.created"}).count() == 2


async def test_an_admin_that_cannot_be_made_leaves_nothing(runtime: Runtime, run: Run) -> None:
    await create_admin(runtime.uow, runtime.clock, NewUser("ada", "ada@example.com", "Ada", "B"), PASSWORD, organization_name=None, bcrypt_cost=4)
    weak, taken = await asyncio.gather(
        run("create_admin", *person("bob"), "--organization", "Byron Treasury", "--password-stdin", stdin="password1\n"),
        run("create_admin", *person("ada"), "--organization", "Byron Treasury", "--password-stdin", stdin=f"{PASSWORD}\n"),
    )
    assert (weak.returncode, taken.returncode) == (1, 1)
    assert "password is too weak" in weak.stderr
    assert "already" in taken.stderr and "Traceback" not in taken.stderr
    assert await User.find_all().count() == 1
    assert await Organization.find_all().count() == 0


async def test_signing_keys_are_rotated_ended_and_sealed_anew(runtime: Runtime, run: Run) -> None:
    now = runtime.clock.now()
    first = await AccessTokens(runtime.uow, runtime.box, RingMemory()).issue("usr_1", "ses_1", now)
    rotated = await run("rotate_keys")
    assert rotated.returncode == 0, rotated.stderr
    later = AccessTokens(runtime.uow, runtime.box, RingMemory())
    second = await later.issue("usr_1", "ses_1", now)
    assert access_tokens.kid_of(second) in rotated.stdout
    assert (await later.read(first, now)).user_id == "usr_1"

    ended = await run("rotate_keys", "--now")
    assert ended.returncode == 0, ended.stderr
    fresh = AccessTokens(runtime.uow, runtime.box, RingMemory())
    for token in (first, second):
        with pytest.raises(InvalidToken):
            await fresh.read(token, runtime.clock.now())
    third = await fresh.issue("usr_1", "ses_1", now)

    new_secret = "a secret that came later: " + "0" * 32
    resealed = await run("rotate_keys", "--reseal", SECRET_KEY=new_secret, SECRET_KEY_PREVIOUS=TEST_SECRET_KEY)
    assert resealed.returncode == 0, resealed.stderr
    assert resealed.stdout.startswith("1 secrets"), resealed.stdout
    unopened = await run("rotate_keys", "--reseal")
    assert unopened.returncode == 1
    assert "neither" in unopened.stderr and "Traceback" not in unopened.stderr
    assert await SigningKey.find({"_id": access_tokens.kid_of(third), "retired_at": None}).count() == 1
    assert await AuditRecord.find({"action": "signing_key.rotated"}).count() == 3


async def test_a_lost_second_factor_is_taken_away(runtime: Runtime, run: Run) -> None:
    await create_admin(runtime.uow, runtime.clock, NewUser("ada", "ada@example.com", "Ada", "B"), PASSWORD, organization_name=None, bcrypt_cost=4)
    session = await log_in(runtime, "ada")
    now, secret = runtime.clock.now(), pyotp.random_base32()
    totp = Totp(sealed_secret=runtime.box.seal(secret.encode(), bound_to(session.user_id)), confirmed_at=now)
    await User.find_all().update({"$set": {"totp": totp.model_dump(), "recovery_hashes": ["x"]}})
    await Passkey(id="key", created_at=now, user_id=session.user_id, name="phone", public_key=b"k", sign_count=0).insert()

    with pytest.raises(NotProved):
        await reset_second_factor(runtime.uow, runtime.clock, "ada@example.com")
    await audit_reset(runtime, session.user_id, now - PROOF_LIFETIME - timedelta(minutes=1))
    await audit_reset(runtime, "usr_other", now)
    unproved, nobody = await asyncio.gather(
        run("reset_second_factor", "--email", "ADA@example.com"), run("reset_second_factor", "--email", "nobody@example.com")
    )
    assert (unproved.returncode, "proved nothing" in unproved.stderr) == (1, True)
    untouched = await User.get(session.user_id)
    assert untouched is not None and untouched.totp is not None and await DueMail.find_all().count() == 0
    await audit_reset(runtime, session.user_id, now)
    done = await run("reset_second_factor", "--email", "ADA@example.com")
    assert done.returncode == 0, done.stderr
    user = await User.get(session.user_id)
    assert user is not None and (user.totp, user.recovery_hashes) == (None, [])
    assert await Passkey.find_all().count() == 0
    ended = await Session.get(session.id)
    assert ended is not None and ended.ended_reason == "second_factor_reset"
    (mail,) = await DueMail.find_all().to_list()
    assert (mail.to, mail.data) == ("ada@example.com", {"what": "second_factor_reset"})
    (record,) = await AuditRecord.find({"action": "second_factor.reset", "subject_id": user.id}).to_list()
    assert record.after is not None and record.after["proof"] == "a new password by a letter"
    await reset_second_factor(runtime.uow, runtime.clock, "ada@example.com", seen="her passport, on 30 November")
    records = await AuditRecord.find({"action": "second_factor.reset", "subject_id": user.id}).sort("+_id").to_list()
    assert [(row.after or {})["proof"] for row in records] == ["a new password by a letter", "her passport, on 30 November"]
    await log_in(runtime, "ada")
    with pytest.raises(InvalidCredentials):
        await log_in(runtime, "ada", "wrong")

    assert nobody.returncode == 1
    assert "no account" in nobody.stderr


async def audit_reset(runtime: Runtime, user_id: str, at: datetime) -> None:
    """As setting a password by a letter leaves it (`identity.service.set_password`)."""
    await runtime.uow.run(lambda session: audit.record(session, None, "password.reset", "By mail.", at, subject=("user", user_id)))

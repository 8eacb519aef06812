"""An authenticator app as a second factor, over HTTP: from the QR code to the day on which the phone is lost. And roles that ask for one."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes, policy
from typing import Any

import httpx
import pyotp
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from crypto_api.audit.documents import AuditRecord
from crypto_api.bootstrap import open_runtime
from crypto_api.flows.notice_text import WHAT
from crypto_api.flows.send_due_mail import send_due_mail
from crypto_api.identity import totp
from crypto_api.identity.documents import DueMail, Session, User
from crypto_api.identity.types import Notice
from crypto_api.organizations import service as organizations
from crypto_api.organizations.documents import CustomRole, Membership, Organization
from crypto_api.organizations.types import Permission, Role
from crypto_api.runtime import Runtime
from tests.factories.authenticator import Authenticator
from tests.factories.clock import MovableClock
from tests.factories.signatures import new_key, signature_of
from tests.http.conftest import PASSWORD, Join, Person, registration, serve
from tests.http.test_accounts import NEW, reset_token
from workers import identity as worker

ORIGIN = "http://localhost:8000"


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
async def runtime(make_config: Any, networks: list[dict[str, object]], clock: MovableClock) -> AsyncIterator[Runtime]:
    async with open_runtime(make_config(networks, frontend_url=ORIGIN), clock=clock) as opened:
        yield opened


class App:
    """The authenticator app of a person."""

    def __init__(self, secret: str, clock: MovableClock) -> None:
        self.totp, self.clock = pyotp.TOTP(secret), clock

    def code(self, steps: int = 0) -> str:
        return str(self.totp.at(self.clock.now() + timedelta(seconds=30 * steps)))

    def fresh(self) -> str:
        """One that was not used yet: half a minute later."""
        self.clock.forward(seconds=30)
        return self.code()

    def wrong(self) -> str:
        near = {self.code(steps) for steps in range(-3, 4)}
        return next(code for code in (f"{number:06d}" for number in range(10)) if code not in near)


async def set_up(person: Person, clock: MovableClock) -> tuple[App, list[str]]:
    offered = await person.http.post("/api/auth/mfa/totp/")
    assert offered.status_code == 200, offered.text
    app = App(offered.json()["secret"], clock)
    confirmed = await person.http.post("/api/auth/mfa/totp/confirm/", json={"otp": app.code()})
    assert confirmed.status_code == 200, confirmed.text
    return app, confirmed.json()["recovery_codes"]


async def log_in(client: httpx.AsyncClient, name: str = "ada", **more: Any) -> httpx.Response:
    return await client.post("/api/auth/login/", json={"username": name, "password": PASSWORD, **more})


def told(response: httpx.Response) -> tuple[int, str | None]:
    return response.status_code, response.json().get("code") if response.content else None


async def actions() -> list[str]:
    return [row.action for row in await AuditRecord.find_all().sort("_id").to_list()]


async def test_a_code_is_asked_for_from_the_moment_it_was_confirmed(client: httpx.AsyncClient, join: Join, clock: MovableClock) -> None:
    ada = await join("ada", founds="Byron Treasury")
    offered = (await ada.http.post("/api/auth/mfa/totp/")).json()
    assert offered["otpauth_uri"].startswith("otpauth://totp/Coffer:ada%40example.com?secret=" + offered["secret"])
    assert offered["qr_svg"].startswith("data:image/svg+xml")
    app = App(offered["secret"], clock)
    assert (await log_in(client)).status_code == 200  # not confirmed: counts for nothing
    assert told(await ada.http.post("/api/auth/mfa/totp/confirm/", json={"otp": app.wrong()})) == (401, "invalid_otp")
    assert (await ada.http.get("/api/auth/mfa/")).json()["totp"] is False

    confirmed = await ada.http.post("/api/auth/mfa/totp/confirm/", json={"otp": app.code()})
    assert (confirmed.status_code, confirmed.json()["recovery_codes_remaining"]) == (200, 10)
    assert told(await log_in(client)) == (401, "otp_required")
    assert told(await log_in(client, otp=app.wrong())) == (401, "invalid_otp")
    assert told(await log_in(client, otp=app.code())) == (401, "invalid_otp")  # it was used to confirm
    assert (await log_in(client, otp=app.fresh())).status_code == 200
    factors = (await ada.http.get("/api/auth/mfa/")).json()
    assert (factors["totp"], factors["recovery_codes_remaining"], factors["session_strong"], factors["password"]) == (True, 10, True, True)
    assert {"totp.begun", "totp.enabled"} <= set(await actions())


async def test_nothing_secret_is_stored_in_the_clear(join: Join, clock: MovableClock) -> None:
    ada = await join("ada", founds="Byron Treasury")
    app, codes = await set_up(ada, clock)
    row = await User.get_pymongo_collection().find_one({"_id": ada.user["id"]})
    records = await AuditRecord.get_pymongo_collection().find({}).to_list()
    for secret in (app.totp.secret, *codes, *(code.replace("-", "") for code in codes)):
        assert secret not in f"{row} {records}"


async def test_a_secret_opens_for_its_owner_only(client: httpx.AsyncClient, join: Join, clock: MovableClock) -> None:
    """Somebody who can write to the database cannot give a person their own second factor."""
    ada, bob = await join("ada"), await join("bob")
    await set_up(ada, clock)
    app, _ = await set_up(bob, clock)
    bobs = await User.get(bob.user["id"])
    assert bobs is not None
    assert bobs.totp is not None
    await User.get_pymongo_collection().update_one({"_id": ada.user["id"]}, {"$set": {"totp.sealed_secret": bobs.totp.sealed_secret}})
    assert (await log_in(client, otp=app.fresh())).status_code == 500


async def test_a_code_counts_once_and_no_older_one_after_it(client: httpx.AsyncClient, join: Join, clock: MovableClock) -> None:
    app, _ = await set_up(await join("ada"), clock)
    clock.forward(seconds=120)
    assert told(await log_in(client, otp=app.code(-2))) == (401, "invalid_otp")
    assert told(await log_in(client, otp=app.code(2))) == (401, "invalid_otp")
    code = app.code()
    answers = await asyncio.gather(*(log_in(client, otp=code) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401]
    assert told(await log_in(client, otp=app.code(-1))) == (401, "invalid_otp")  # in the window, but older than one that was used
    spaced = app.code(1)
    assert (await log_in(client, otp=f" {spaced[:3]} {spaced[3:]} ")).status_code == 200


async def test_what_is_no_code_lets_nobody_in(client: httpx.AsyncClient, join: Join, clock: MovableClock) -> None:
    await set_up(await join("ada"), clock)
    none = ["", " ", "１２３４５６", "12345", "1234567", "null", "000000\x00", "7h2k-9qsv-c4xm-31t", "a" * 40, "𝟏𝟐𝟑𝟒𝟓𝟔"]
    for otp in none:
        clock.forward(minutes=20)  # tries are slowed down: here each is to be looked at
        assert (await log_in(client, otp=otp)).status_code in (401, 422), otp
    for otp in ("a" * 41, 123456, {"$ne": None}, ["123456"], True):
        assert (await log_in(client, otp=otp)).status_code == 422, otp
    assert await Session.find({"ended_at": None}).count() == 1


async def test_a_recovery_code_opens_once(client: httpx.AsyncClient, join: Join, clock: MovableClock) -> None:
    ada = await join("ada", founds="Byron Treasury")
    _, codes = await set_up(ada, clock)
    assert len(set(codes)) == 10
    old = "7h2k-9qsv-c4xm-31te"  # as they were made before
    await User.find_one({"_id": ada.user["id"]}).update({"$push": {"recovery_hashes": totp.hash_recovery_code(ada.user["id"], old)}})
    assert [(await log_in(client, otp=old)).status_code for _ in range(2)] == [200, 401]
    answers = await asyncio.gather(*(log_in(client, otp=codes[0]) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401]
    assert (await log_in(client, otp=codes[1].upper().replace("-", " "))).status_code == 200
    assert (await ada.http.get("/api/auth/mfa/")).json()["recovery_codes_remaining"] == 8
    assert (await actions()).count("recovery_code.used") == 3

    renewed = (await ada.http.post("/api/auth/mfa/recovery-codes/")).json()
    assert renewed["recovery_codes_remaining"] == len(renewed["recovery_codes"]) == 10
    assert told(await log_in(client, otp=codes[2])) == (401, "invalid_otp")
    assert (await log_in(client, otp=renewed["recovery_codes"][0])).status_code == 200


async def test_a_recovery_code_of_somebody_else_opens_nothing(client: httpx.AsyncClient, join: Join, clock: MovableClock) -> None:
    await set_up(await join("ada"), clock)
    _, codes = await set_up(await join("bob"), clock)
    assert told(await log_in(client, otp=codes[0])) == (401, "invalid_otp")
    assert (await log_in(client, "bob", otp=codes[0])).status_code == 200


async def test_it_is_turned_off_with_its_recovery_codes(client: httpx.AsyncClient, join: Join, clock: MovableClock) -> None:
    ada = await join("ada", founds="Byron Treasury")
    assert told(await ada.http.delete("/api/auth/mfa/totp/")) == (409, "totp_not_set_up")
    assert told(await ada.http.post("/api/auth/mfa/recovery-codes/")) == (409, "totp_not_set_up")
    assert told(await ada.http.post("/api/auth/mfa/totp/confirm/", json={"otp": "123456"})) == (409, "totp_not_set_up")
    _, codes = await set_up(ada, clock)
    assert told(await ada.http.post("/api/auth/mfa/totp/")) == (409, "totp_already_on")
    assert told(await ada.http.post("/api/auth/mfa/totp/confirm/", json={"otp": "123456"})) == (409, "totp_already_on")
    assert (await ada.http.delete("/api/auth/mfa/totp/")).status_code == 204
    assert (await log_in(client)).status_code == 200
    row = await User.get(ada.user["id"])
    assert row is not None
    assert (row.totp, row.recovery_hashes) == (None, [])
    assert (await ada.http.get("/api/auth/mfa/")).json()["session_strong"] is False
    again, _ = await set_up(ada, clock)
    assert told(await log_in(client, otp=codes[3])) == (401, "invalid_otp")
    assert (await log_in(client, otp=again.fresh())).status_code == 200
    assert "totp.disabled" in await actions()


async def test_a_new_password_by_mail_leaves_the_second_factor(client: httpx.AsyncClient, join: Join, clock: MovableClock, runtime: Runtime) -> None:
    app, _ = await set_up(await join("ada"), clock)
    chosen = {"token": await reset_token(client, runtime), "new_password": NEW}
    assert (await client.post("/api/auth/reset-password/", json=chosen)).status_code == 200
    body = {"username": "ada", "password": NEW}
    assert told(await client.post("/api/auth/login/", json=body)) == (401, "otp_required")
    assert (await client.post("/api/auth/login/", json=body | {"otp": app.fresh()})).status_code == 200


async def test_of_two_set_ups_the_later_one_counts(client: httpx.AsyncClient, join: Join, clock: MovableClock) -> None:
    ada = await join("ada")
    first = App((await ada.http.post("/api/auth/mfa/totp/")).json()["secret"], clock)
    second = App((await ada.http.post("/api/auth/mfa/totp/")).json()["secret"], clock)
    assert told(await ada.http.post("/api/auth/mfa/totp/confirm/", json={"otp": first.code()})) == (401, "invalid_otp")
    bodies = [ada.http.post("/api/auth/mfa/totp/confirm/", json={"otp": second.code()}) for _ in range(3)]
    assert sorted(answer.status_code for answer in await asyncio.gather(*bodies)) == [200, 409, 409]


async def test_changing_it_needs_a_step_up(join: Join, clock: MovableClock) -> None:
    ada = await join("ada")
    app, _ = await set_up(ada, clock)
    clock.forward(minutes=6)
    for method, path, body in (
        ("POST", "/api/auth/mfa/totp/", None),
        ("POST", "/api/auth/mfa/totp/confirm/", {"otp": "123456"}),
        ("DELETE", "/api/auth/mfa/totp/", None),
        ("POST", "/api/auth/mfa/recovery-codes/", None),
    ):
        assert told(await ada.http.request(method, path, json=body)) == (403, "session_not_approved"), path
    approved = await ada.http.post("/api/auth/confirm-password/", json={"password": PASSWORD, "otp": app.fresh(), "purpose": "security"})
    assert approved.status_code == 200
    assert (await ada.http.post("/api/auth/mfa/recovery-codes/")).status_code == 200


async def test_other_sessions_stay_and_do_not_become_strong(client: httpx.AsyncClient, join: Join, clock: MovableClock) -> None:
    ada = await join("ada")
    other = {"Authorization": f"Bearer {(await log_in(client)).json()['access']}"}
    await set_up(ada, clock)
    assert (await client.get("/api/auth/mfa/", headers=other)).json()["session_strong"] is False
    assert (await ada.http.get("/api/auth/mfa/")).json()["session_strong"] is True


# ---- roles that ask for one ------------------------------------------------------------------------------------------------


async def require_second_factor(org_id: str, *roles: str) -> None:
    await Organization.get_pymongo_collection().update_one({"_id": org_id}, {"$set": {"second_factor_roles": list(roles)}})


OWN = (
    ("GET", "/api/auth/profile/"),
    ("GET", "/api/auth/mfa/"),
    ("GET", "/api/auth/sessions/"),
    ("GET", "/api/auth/approvals/"),
    ("GET", "/api/auth/passkeys/"),
    ("GET", "/api/auth/wallet/"),
    ("GET", "/api/organizations/"),
)
OF_THE_ORGANISATION = (
    ("GET", "/api/wallets/"),
    ("GET", "/api/transactions/"),
    ("GET", "/api/accounts/"),
    ("GET", "/api/ledger/trial-balance/"),
    ("GET", "/api/system/tasks/"),
    ("GET", "/api/blockchain/networks/"),
)


async def closed_with(api: str, person: Person, path: str = "/api/ws/events/") -> int | None:
    """The code with which the socket is refused; None when it opens."""
    ticket = (await person.http.post("/api/auth/ws-ticket/")).json()["ticket"]
    async with connect(f"ws{api.removeprefix('http')}{path}?ticket={ticket}") as socket:
        try:
            await asyncio.wait_for(socket.recv(), 0.5)
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else 0
        except TimeoutError:
            return None
    return None


@pytest.mark.parametrize("custom", [False, True])
async def test_a_role_may_ask_for_one(api: str, join: Join, clock: MovableClock, runtime: Runtime, custom: bool) -> None:
    ada = await join("ada", founds="Byron Treasury")
    bob = await join("bob", org_id=ada.org_id, role=Role.AUDITOR)
    role = str(Role.AUDITOR)
    if custom:
        role = await give_own_role(runtime, ada.org_id, bob.user["id"])
    assert (await bob.http.get("/api/wallets/")).status_code == 200
    await require_second_factor(ada.org_id, role)
    assert (await ada.http.get("/api/wallets/")).status_code == 200  # another role

    for method, path in OF_THE_ORGANISATION:
        assert told(await bob.http.request(method, path)) == (403, "second_factor_required"), path
    for method, path in OWN:
        assert (await bob.http.request(method, path)).status_code == 200, path
    assert (await bob.http.get("/api/auth/profile/")).json()["permissions"] == []
    assert await closed_with(api, bob) == 4403

    await set_up(bob, clock)
    for method, path in OF_THE_ORGANISATION:
        assert (await bob.http.request(method, path)).status_code == 200, path

    assert (await bob.http.delete("/api/auth/mfa/totp/")).status_code == 204
    assert told(await bob.http.get("/api/wallets/")) == (403, "second_factor_required")


async def give_own_role(runtime: Runtime, org_id: str, user_id: str) -> str:
    now = runtime.clock.now()
    row = CustomRole(
        id="rol_reader",
        created_at=now,
        updated_at=now,
        org_id=org_id,
        name="Reader",
        name_folded="reader",
        permissions=[
            Permission.WALLETS_READ, Permission.TRANSACTIONS_READ, Permission.LEDGER_READ, Permission.TASKS_READ, Permission.BLOCKCHAIN_READ,
        ],
    )  # fmt: skip
    await CustomRole.get_pymongo_collection().insert_one(row.model_dump(by_alias=True))
    await Membership.get_pymongo_collection().update_one({"org_id": org_id, "user_id": user_id}, {"$set": {"role": row.id}})
    return row.id


async def test_a_passkey_is_one_as_well(join: Join) -> None:
    ada = await join("ada", founds="Byron Treasury")
    await require_second_factor(ada.org_id, Role.ADMIN)
    assert told(await ada.http.get("/api/wallets/")) == (403, "second_factor_required")
    options = (await ada.http.post("/api/auth/passkeys/options/")).json()["public_key"]
    added = await ada.http.post("/api/auth/passkeys/", json={"name": "Phone", "credential": Authenticator(ORIGIN).create(options)})
    assert added.status_code == 201, added.text
    assert (await ada.http.get("/api/wallets/")).status_code == 200
    assert (await ada.http.delete(f"/api/auth/passkeys/{added.json()['id']}/")).status_code == 204
    assert told(await ada.http.get("/api/wallets/")) == (403, "second_factor_required")


async def test_what_counts_is_the_role_where_one_acts(client: httpx.AsyncClient, join: Join, runtime: Runtime) -> None:
    ada, bob = await join("ada", founds="Byron Treasury"), await join("bob", founds="Bob's")
    await runtime.uow.run(lambda session: organizations.add_member(session, ada.org_id, bob.user["id"], Role.AUDITOR, runtime.clock.now()))
    await require_second_factor(ada.org_id, Role.AUDITOR)
    assert (await bob.http.get("/api/wallets/")).status_code == 200
    switched = await bob.http.post("/api/auth/switch-organization/", json={"organization_id": ada.org_id})
    assert switched.status_code == 200, switched.text
    assert told(await bob.http.get("/api/wallets/")) == (403, "second_factor_required")
    back = await bob.http.post("/api/auth/switch-organization/", json={"organization_id": bob.org_id})
    assert back.status_code == 200
    assert (await bob.http.get("/api/wallets/")).status_code == 200


# ---- the mail that tells of it ---------------------------------------------------------------------------------------------


class Lost:
    """A queue that loses every job."""

    async def put(self, job: Any) -> None:
        pass


async def _change_everything(ada: Person, clock: MovableClock) -> None:
    """Every way to change how one gets in, and tries that change nothing."""
    app, codes = await set_up(ada, clock)
    assert (await log_in(ada.http, otp=codes[0])).status_code == 200
    assert told(await log_in(ada.http, otp=codes[0])) == (401, "invalid_otp")
    assert (await log_in(ada.http, otp=app.fresh())).status_code == 200
    assert (await ada.http.post("/api/auth/mfa/recovery-codes/")).status_code == 200
    assert (await ada.http.delete("/api/auth/mfa/totp/")).status_code == 204
    assert (await ada.http.delete("/api/auth/mfa/totp/")).status_code == 409
    options = (await ada.http.post("/api/auth/passkeys/options/")).json()["public_key"]
    added = await ada.http.post("/api/auth/passkeys/", json={"name": "Phone", "credential": Authenticator(ORIGIN).create(options)})
    for status in (204, 404):
        assert (await ada.http.delete(f"/api/auth/passkeys/{added.json()['id']}/")).status_code == status
    message = (await ada.http.post("/api/auth/wallet/link/challenge/", json={"address": new_key(1).address})).json()["message"]
    signed = {"message": message, "signature": "0x" + signature_of(message, new_key(1)).hex()}
    linked = await ada.http.post("/api/auth/wallet/link/", json=signed)
    assert (await ada.http.delete(f"/api/auth/wallet/{linked.json()['id']}/")).status_code == 204
    assert (await ada.http.put("/api/auth/profile/", json={"email": "countess@example.com"})).status_code == 200
    changed = {"current_password": PASSWORD, "new_password": "herons-on-a-9-mile-river"}
    assert (await ada.http.post("/api/auth/change-password/", json=changed)).status_code == 200


async def test_the_person_is_told_of_every_change_once_though_every_job_was_lost(
    make_config: Any, networks: list[dict[str, object]], clock: MovableClock
) -> None:
    async with open_runtime(make_config(networks, frontend_url=ORIGIN), clock=clock) as opened:
        runtime = replace(opened, queue=Lost())  # type: ignore[arg-type]
        async with serve(runtime) as api, httpx.AsyncClient(base_url=api, timeout=60) as http:
            await http.post("/api/auth/register/", json=registration("ada"))
            await User.get_pymongo_collection().update_one({"username": "ada"}, {"$set": {"email_verified_at": clock.now()}})
            tokens = (await log_in(http)).json()
            http.headers["Authorization"] = f"Bearer {tokens['access']}"
            await _change_everything(Person(tokens["user"], http, tokens), clock)
        owed = await DueMail.find({"kind": "notice", "to": "ada@example.com"}).sort("_id").to_list()
        assert [row.data["what"] for row in owed] == [
            "totp_enabled", "recovery_code_used", "recovery_codes_renewed", "totp_disabled", "passkey_added", "passkey_removed",
            "ethereum_account_added", "ethereum_account_removed", "email_change_asked", "password_changed",
        ]  # fmt: skip
        clock.forward(minutes=1)
        async with in_background(worker.sweep(runtime)), asyncio.timeout(60):
            while await DueMail.find({"sent_at": None}).count():
                await asyncio.sleep(0.01)
        for row in owed:
            assert not await send_due_mail(runtime.uow, clock, runtime.mail, ORIGIN, row.id, runtime.box)  # should its job come after all
        letters = [message_from_bytes(path.read_bytes(), policy=policy.default) for path in (runtime.config.log_dir / "mail").glob("*.eml")]
        texts = [" ".join(letter.get_content().split()) for letter in letters if letter["To"] == "ada@example.com"]
        assert sorted(text for text in texts if "If it was you, there is nothing to do." in text) == sorted(texts)
        for row in owed:
            assert len([text for text in texts if WHAT[Notice(row.data["what"])] in text]) == 1, row.data
        assert len(texts) == len(owed)


@contextlib.asynccontextmanager
async def in_background(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    running = asyncio.create_task(work)
    try:
        yield
    finally:
        running.cancel()
        await asyncio.wait({running}, timeout=30)


async def test_a_change_that_does_not_happen_owes_no_notice(join: Join, clock: MovableClock) -> None:
    """Of four who use one recovery code at the same moment one is told of."""
    ada = await join("ada")
    _, codes = await set_up(ada, clock)
    answers = await asyncio.gather(*(log_in(ada.http, otp=codes[0]) for _ in range(4)))
    assert [answer.status_code for answer in answers].count(200) == 1
    assert await DueMail.find({"kind": "notice", "data.what": "recovery_code_used"}).count() == 1

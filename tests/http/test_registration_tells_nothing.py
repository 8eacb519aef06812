"""Whether an address has an account is told by no answer to whoever registers with it: not at once, and not by anything they can do next."""

import asyncio
from typing import Any

import bcrypt
import httpx
import pytest

from crypto_api.flows.platform import installation_state
from crypto_api.identity import store as identities
from crypto_api.identity.documents import Attempts, DueMail, User
from crypto_api.runtime import Runtime
from tests.http.conftest import PASSWORD, Join, Person, registration
from tests.http.test_accounts import letter_to, token_in

MINE, SECOND = "otters-on-a-9-mile-river", "herons-on-a-9-mile-river"
_PER_REQUEST = {"date", "x-request-id", "retry-after", "content-length"}  # the last, since made-up ids differ in nothing else: bodies are compared


class Bcrypt:
    """How often it was computed, and at which cost."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.computed: list[str] = []
        check, make = bcrypt.checkpw, bcrypt.hashpw

        def checked(password: bytes, hashed: bytes) -> bool:
            self.computed.append(f"check {hashed[4:6].decode()}")
            return check(password, hashed)

        def made(password: bytes, salt: bytes) -> bytes:
            self.computed.append(f"hash {salt[4:6].decode()}")
            return make(password, salt)

        monkeypatch.setattr(bcrypt, "checkpw", checked)
        monkeypatch.setattr(bcrypt, "hashpw", made)

    def taken(self) -> list[str]:
        done, self.computed = self.computed, []
        return done


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> Bcrypt:
    return Bcrypt(monkeypatch)


def _shape(answer: httpx.Response, names: dict[str, str]) -> tuple[int, dict[str, str], Any]:
    """What it says, without the ids, times and names that differ from one registration to the next."""

    def plain(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {name: plain(inner, name) for name, inner in value.items()}
        if isinstance(value, list):
            return [plain(inner) for inner in value]
        if key in ("id", "organization_id", "request_id", "created_at") and isinstance(value, str):
            return f"{value[:4] if '_' in value else ''}:{len(value)}"
        for name, stands_for in names.items():
            value = value.replace(name, stands_for) if isinstance(value, str) else value
        return value

    headers = {name: value for name, value in answer.headers.items() if name not in _PER_REQUEST}
    return answer.status_code, headers, plain(answer.json() if answer.content else None)


async def _script(client: httpx.AsyncClient, eve: Person, address: str, tag: str, computed: Bcrypt) -> list[Any]:
    """What an attacker can do with an address: every answer, and how many passwords were computed for it."""
    one, two = f"{tag}-one", f"{tag}-two"
    told: list[Any] = []

    async def ask(path: str, body: dict[str, Any], *, by: httpx.AsyncClient = client, method: str = "POST", **headers: str) -> int:
        computed.taken()
        answer = await by.request(method, path, json=body, headers=headers)
        names = {address: "ADDRESS", tag: "TAG"}
        told.append((path, body.keys(), _shape(answer, names), computed.taken()))
        return answer.status_code

    def register(name: str, password: str) -> dict[str, Any]:
        return registration(name, email=address.upper(), password=password, organization_name="Otters", first_name="Eve")

    login, twice = "/api/auth/login/", {"Idempotency-Key": f"key-{tag}"}
    assert await ask("/api/auth/register/", register(one, MINE), **twice) == 201
    assert await ask("/api/auth/register/", register(one, MINE), **twice) == 201  # replayed
    assert await ask("/api/auth/register/", register(one, MINE)) == 409
    assert await ask(login, {"email": address, "password": MINE}) == 403
    assert await ask(login, {"email": address, "password": MINE, "otp": "123456"}) == 403
    assert await ask(login, {"username": one, "password": MINE}) == 403
    assert await ask(login, {"email": address, "password": "wrong"}) == 401
    assert await ask(login, {"username": one, "password": "wrong"}) == 401
    assert await ask("/api/auth/register/", register(two, SECOND)) == 201
    assert await ask("/api/auth/register/", register(two, SECOND)) == 409
    assert await ask(login, {"username": two, "password": SECOND}) == 403
    assert await ask(login, {"username": one, "password": MINE}) == 403
    assert await ask(login, {"email": address, "password": SECOND}) == 403
    assert await ask(login, {"email": address, "password": MINE}) == 401  # by address the newest counts
    assert await ask(login, {"email": address, "password": SECOND}) == 429  # what is right for nobody verified forgets no failure
    assert await ask("/api/auth/resend-verification/", {"email": address}) == 202
    assert await ask("/api/auth/forgot-password/", {"email": address}) == 202
    assert await ask("/api/auth/profile/", {"username": one}, by=eve.http, method="PUT") == 409
    assert await ask("/api/employees/", {"username": two, "role": "AUDITOR"}, by=eve.http) == 422
    assert await ask(login, {"email": f"shadow:{tag}", "password": MINE}) == 401
    return told


async def test_a_known_address_answers_like_a_new_one_whatever_one_does_next(
    client: httpx.AsyncClient, join: Join, runtime: Runtime, computed: Bcrypt
) -> None:
    """Known: verified; registered and never verified; both, and with shadows from before."""
    eve, ada = await join("eve", founds="Eve's"), await join("ada", founds="Byron Treasury")
    assert (await client.post("/api/auth/register/", json=registration("bob"))).status_code == 201
    client.cookies.clear()
    new = await _script(client, eve, "new@example.com", "a-new", computed)
    known = {
        "verified": await _script(client, eve, "ada@example.com", "a-kno", computed),
        "unverified": await _script(client, eve, "bob@example.com", "a-unv", computed),
    }
    await Attempts.find_all().delete()
    known["shadowed"] = await _script(client, eve, "ada@example.com", "a-sha", computed)
    for name, told in known.items():
        for expected, found in zip(new, told, strict=True):
            assert found == expected, name
    assert [row[3] for row in new[:8]] == [
        ["hash 04"], [], ["hash 04"], ["check 04"] * 2, ["check 04"] * 2, ["check 04"], ["check 04"] * 2, ["check 04"],
    ]  # fmt: skip
    assert (await ada.http.get("/api/auth/profile/")).status_code == 200
    await Attempts.find_all().delete()
    assert (await client.post("/api/auth/login/", json={"email": "ada@example.com", "password": PASSWORD})).status_code == 200


async def test_a_shadow_is_nobody(client: httpx.AsyncClient, join: Join, runtime: Runtime) -> None:
    ada = await join("ada", founds="Byron Treasury")
    made = (await client.post("/api/auth/register/", json=registration("mallory", email="ada@example.com", password=MINE))).json()
    shadow = await User.find_one({"username": "mallory"})
    assert shadow is not None and (shadow.id, shadow.shadow_of_email) == (made["id"], "ada@example.com")
    assert await identities.user(shadow.id) is None
    assert await identities.users([shadow.id]) == []
    assert await identities.user_by_username("mallory") is None
    assert await identities.user_by_email(shadow.email) is None
    assert await identities.users_found([shadow.id], "mallory") == []
    assert (await installation_state(runtime.clock.now())).users == 1
    assert await identities.users_without_verification_mail(runtime.clock.now(), 10) == []
    for path in ("forgot-password", "resend-verification"):
        await client.post(f"/api/auth/{path}/", json={"email": shadow.email})
    assert {row.to for row in await DueMail.find_all().to_list()} == {"ada@example.com"}
    assert (await ada.http.post("/api/employees/", json={"username": "mallory", "role": "AUDITOR"})).status_code == 422


async def test_the_owner_is_told_as_often_as_of_a_verification(client: httpx.AsyncClient, join: Join, runtime: Runtime) -> None:
    await join("ada")
    await client.post("/api/auth/register/", json=registration("mallory", email="ada@example.com", password=MINE))
    for _ in range(4):
        assert (await client.post("/api/auth/login/", json={"email": "ada@example.com", "password": MINE})).status_code == 403
    assert await DueMail.find({"kind": "already_registered", "to": "ada@example.com"}).count() == 3
    letter = await letter_to(runtime, "ada@example.com")
    assert "You have one already" in " ".join(letter.split()) and "token=" not in letter


async def test_an_address_that_was_verified_belongs_to_its_owner_alone(client: httpx.AsyncClient, runtime: Runtime) -> None:
    """Who registered with it before has a shadow's part from then on, or none."""
    await client.post("/api/auth/register/", json=registration("mallory", email="ada@example.com", password=MINE))
    await client.post("/api/auth/register/", json=registration("ada"))
    token = token_in(await letter_to(runtime, "ada@example.com"))
    assert (await client.post("/api/auth/reset-password/", json={"token": token, "new_password": SECOND})).status_code == 200
    for password, status in ((SECOND, 200), (PASSWORD, 403), (MINE, 401)):
        assert (await client.post("/api/auth/login/", json={"email": "ada@example.com", "password": password})).status_code == status
    assert (await client.post("/api/auth/login/", json={"username": "ada", "password": PASSWORD})).status_code == 403


async def test_a_shadow_takes_back_no_guess_at_its_owners_password(client: httpx.AsyncClient, join: Join) -> None:
    await join("ada")
    client.cookies.clear()
    await client.post("/api/auth/register/", json=registration("mallory", email="ada@example.com", password=MINE))

    async def log_in_by_address(password: str) -> int:
        return (await client.post("/api/auth/login/", json={"email": "ada@example.com", "password": password})).status_code

    assert [await log_in_by_address("guess") for _ in range(4)] == [401] * 4
    assert await log_in_by_address(MINE) == 403
    assert await log_in_by_address("guess") == 429


async def test_of_two_at_once_with_a_known_address_and_one_name_one_gets_it(client: httpx.AsyncClient, join: Join) -> None:
    await join("ada")
    for address in ("ada@example.com", "new@example.com"):
        name = address[:3] + "-twin"
        body = registration(name, email=address, organization_name="Twins")
        answers = await asyncio.gather(*(client.post("/api/auth/register/", json=body) for _ in range(4)))
        assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409], address

"""Passkeys over HTTP: an honest device, and many that are not."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import cbor2
import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from crypto_api.audit.documents import AuditRecord
from crypto_api.bootstrap import open_runtime
from crypto_api.identity.documents import OneTimeToken, Passkey, Session, User
from crypto_api.runtime import Runtime
from tests.factories.authenticator import AT, UP, UV, Authenticator, Held, Lies, b64, unb64
from tests.factories.clock import MovableClock
from tests.http.conftest import PASSWORD, Join, Person

ORIGIN = "http://localhost:8000"


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def frontend_url() -> str:
    return ORIGIN


@pytest.fixture
async def runtime(make_config: Any, networks: list[dict[str, object]], clock: MovableClock, frontend_url: str) -> AsyncIterator[Runtime]:
    async with open_runtime(make_config(networks, frontend_url=frontend_url), clock=clock) as opened:
        yield opened


def told(response: httpx.Response) -> tuple[int, str | None]:
    return response.status_code, response.json().get("code") if response.content else None


async def options_of(http: httpx.AsyncClient, path: str, body: Any = None) -> dict[str, Any]:
    answer = await http.post(f"/api/auth/passkeys/{path}options/", json=body)
    assert answer.status_code == 200, answer.text
    options: dict[str, Any] = answer.json()["public_key"]
    return options


async def add(person: Person, device: Authenticator, name: str = "Phone", lies: Lies | None = None) -> httpx.Response:
    credential = device.create(await options_of(person.http, ""), lies or Lies())
    return await person.http.post("/api/auth/passkeys/", json={"name": name, "credential": credential})


async def log_in(http: httpx.AsyncClient, device: Authenticator, lies: Lies | None = None, **chosen: Any) -> httpx.Response:
    credential = device.get(await options_of(http, "login/"), lies or Lies(), **chosen)
    return await http.post("/api/auth/passkeys/login/", json={"credential": credential})


async def approve(person: Person, device: Authenticator, purpose: str = "keys", lies: Lies | None = None, **chosen: Any) -> httpx.Response:
    credential = device.get(await options_of(person.http, "approve/", {"purpose": purpose}), lies or Lies(), **chosen)
    return await person.http.post("/api/auth/passkeys/approve/", json={"credential": credential, "purpose": purpose})


async def test_a_passkey_is_added_logs_in_and_is_taken_away(client: httpx.AsyncClient, join: Join) -> None:
    ada, device = await join("ada", founds="Byron Treasury"), Authenticator(ORIGIN)
    options = await options_of(ada.http, "")
    assert options["rp"] == {"id": "localhost", "name": "Coffer"}
    assert options["authenticatorSelection"]["userVerification"] == "required"
    assert options["authenticatorSelection"]["residentKey"] == "preferred"
    assert options["attestation"] == "none"
    assert unb64(options["user"]["id"]).decode() == ada.user["id"]

    added = await add(ada, device)
    assert added.status_code == 201, added.text
    assert (added.json()["name"], added.json()["transports"], added.json()["last_used_at"]) == ("Phone", ["internal", "hybrid"], None)
    exclude = (await options_of(ada.http, ""))["excludeCredentials"]
    assert [row["id"] for row in exclude] == [added.json()["id"]]

    opened = await log_in(client, device)
    assert opened.status_code == 200, opened.text
    assert opened.json()["user"]["organization_id"] == ada.org_id
    bearer = {"Authorization": f"Bearer {opened.json()['access']}"}
    factors = (await client.get("/api/auth/mfa/", headers=bearer)).json()
    assert (factors["passkeys"], factors["session_strong"]) == (1, True)
    assert (await client.post("/api/auth/refresh/", json={"refresh": opened.json()["refresh"]})).status_code == 200

    path = f"/api/auth/passkeys/{added.json()['id']}/"
    renamed = await ada.http.put(path, json={"name": "Old phone"})
    assert (renamed.status_code, renamed.json()["name"]) == (200, "Old phone")
    (listed,) = (await ada.http.get("/api/auth/passkeys/")).json()["items"]
    assert listed["name"] == "Old phone"
    assert listed["last_used_at"] is not None
    assert (await ada.http.delete(path)).status_code == 204
    assert told(await ada.http.delete(path)) == (404, "not_found")
    assert told(await log_in(client, device)) == (401, "invalid_passkey")
    actions = [row.action for row in await AuditRecord.find({"subject_kind": "passkey"}).sort("_id").to_list()]
    assert actions == ["passkey.added", "passkey.renamed", "passkey.removed"]


async def test_a_device_without_a_counter_logs_in_again_and_again(client: httpx.AsyncClient, join: Join) -> None:
    device = Authenticator(ORIGIN, counts=False)
    assert (await add(await join("ada"), device)).status_code == 201
    assert [(await log_in(client, device)).status_code for _ in range(3)] == [200, 200, 200]


async def test_self_attestation_is_taken_as_none(join: Join) -> None:
    device = Authenticator(ORIGIN)
    ada = await join("ada")
    statement = {"alg": -7, "sig": b"\x30\x06\x02\x01\x01\x02\x01\x01"}
    refused = await add(ada, device, lies=Lies(fmt="packed", statement=statement))
    assert refused.status_code == 422  # its signature is checked where there is one
    assert await Passkey.find_all().count() == 0


def stuffed(credential: dict[str, Any], field: str, value: Any) -> None:
    credential["response"][field] = value


def with_certificate(made: dict[str, Any]) -> None:
    """Attests it as a security key of FIDO U2F does, rightly: nobody asked for that, so a browser would have left it out."""
    response, key = made["response"], ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a key")]), datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(7)
    certificate = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1)).sign(key, SHA256())
    data = cbor2.loads(unb64(response["attestationObject"]))["authData"]
    cose = cbor2.loads(data[71:])
    signed = b"\x00" + data[:32] + sha256(unb64(response["clientDataJSON"])).digest() + data[55:71] + b"\x04" + cose[-2] + cose[-3]
    statement = {"sig": key.sign(signed, ec.ECDSA(SHA256())), "x5c": [certificate.public_bytes(Encoding.DER)]}
    response["attestationObject"] = b64(cbor2.dumps({"fmt": "fido-u2f", "attStmt": statement, "authData": data}))


REGISTRATIONS: dict[str, Lies] = {
    "a security key that attests": Lies(after=with_certificate),
    "wrong origin": Lies(origin="http://localhost:8001"),
    "other scheme": Lies(origin="https://localhost:8000"),
    "origin that begins like ours": Lies(origin="http://localhost:8000.example.com"),
    "origin with a path": Lies(origin="http://localhost:8000/"),
    "origin as a list": Lies(client={"origin": [ORIGIN]}),
    "other relying party": Lies(rp_id="example.com"),
    "a log-in in place of a registration": Lies(type="webauthn.get"),
    "a challenge of their own": Lies(challenge=b64(b"x" * 32)),
    "challenge as a number": Lies(client={"challenge": 7}),
    "no challenge": Lies(of_client=lambda raw: b"{}"),
    "client data that are no object": Lies(of_client=lambda raw: b"[]"),
    "client data that are no JSON": Lies(of_client=lambda raw: raw[:-1]),
    "client data nested deeply": Lies(of_client=lambda raw: b"[" * 5_000),
    "client data that are no text": Lies(of_client=lambda raw: b"\xff\xfe\xfd"),
    "inside another site": Lies(client={"crossOrigin": True}),
    "inside another site, by its name": Lies(client={"topOrigin": "https://example.com"}),
    "user not present": Lies(flags=UV | AT),
    "user not verified": Lies(flags=UP | AT),
    "no credential in it": Lies(flags=UP | UV),
    "backed up without being able to": Lies(flags=UP | UV | AT | 0x10),
    "truncated data": Lies(of_data=lambda raw: raw[:36]),
    "truncated key": Lies(of_data=lambda raw: raw[:-10]),
    "more after the key": Lies(of_data=lambda raw: raw + b"\x00"),
    "credential id longer than what follows": Lies(of_data=lambda raw: raw[:53] + b"\xff\xff" + raw[55:]),
    "another credential id": Lies(of_data=lambda raw: raw[:55] + bytes(16) + raw[71:]),
    "truncated CBOR": Lies(of_attestation=lambda raw: raw[:-1]),
    "CBOR that is a list": Lies(of_attestation=lambda raw: cbor2.dumps([1, 2])),
    "CBOR with a length that lies": Lies(of_attestation=lambda raw: b"\x5b\xff\xff\xff\xff\xff\xff\xff\xff"),
    "CBOR nested deeply": Lies(of_attestation=lambda raw: b"\x81" * 20_000),
    "attestation that is no text": Lies(of_attestation=lambda raw: cbor2.dumps({"fmt": 7, "attStmt": {}, "authData": b""})),
    "no authenticator data": Lies(of_attestation=lambda raw: cbor2.dumps({"fmt": "none", "attStmt": {}})),
    "authenticator data that are text": Lies(of_attestation=lambda raw: cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": "x" * 200})),
    "an attestation that was not asked for": Lies(fmt="android-safetynet", statement={"ver": "1", "response": b"a.b.c"}),
    "a TPM": Lies(fmt="tpm", statement={"ver": "2.0"}),
    "an unknown attestation": Lies(fmt="homemade"),
    "none, with a statement": Lies(statement={"sig": b"x"}),
    "an algorithm that is none": Lies(algorithm=-65535),
    "HMAC": Lies(algorithm=5),
    "another id than its own": Lies(after=lambda made: made.update(id=b64(b"y" * 16), rawId=b64(b"y" * 16))),
    "id and rawId differ": Lies(after=lambda made: made.update(rawId=b64(b"y" * 16))),
}


async def test_no_dishonest_device_is_added(join: Join) -> None:
    ada, device = await join("ada"), Authenticator(ORIGIN)
    for name, lies in REGISTRATIONS.items():
        answer = await add(ada, device, lies=lies)
        assert answer.status_code == 422, (name, answer.text)
        assert [(row["field"], row["code"]) for row in answer.json()["errors"]] == [("credential", "invalid_passkey")], name
    assert await Passkey.find_all().count() == 0
    assert (await add(ada, device)).status_code == 201


SHAPES: dict[str, Callable[[dict[str, Any]], None]] = {
    "another type": lambda made: made.update(type="password"),
    "no type": lambda made: made.pop("type"),
    "no id": lambda made: made.pop("id"),
    "id that is an object": lambda made: made.update(id={"$ne": None}),
    "id too long": lambda made: made.update(id="a" * 2_000, rawId="a" * 2_000),
    "id that is no base64url": lambda made: made.update(id="a+b/c=" * 5),
    "no response": lambda made: made.pop("response"),
    "response that is text": lambda made: made.update(response="x"),
    "client data in base64": lambda made: stuffed(made, "clientDataJSON", b64encode(b"\xff\xfe\xfb").decode()),
    "client data too long": lambda made: stuffed(made, "clientDataJSON", "a" * 10_000),
    "client data absent": lambda made: made["response"].pop("clientDataJSON"),
    "an unknown field": lambda made: made.update(isAdmin=True),
    "an unknown field within": lambda made: stuffed(made, "extra", 1),
    "NUL in it": lambda made: stuffed(made, "clientDataJSON", "abc\x00"),
}


async def test_what_does_not_look_like_a_credential_names_the_field(client: httpx.AsyncClient, join: Join) -> None:
    ada, device = await join("ada"), Authenticator(ORIGIN)
    assert (await add(ada, device)).status_code == 201
    more: dict[str, Callable[[dict[str, Any]], None]] = {
        "signature too long": lambda made: stuffed(made, "signature", "a" * 5_000),
        "handle too long": lambda made: stuffed(made, "userHandle", "a" * 200),
        "handle that is an object": lambda made: stuffed(made, "userHandle", {"$gt": ""}),
    }
    for name, change in (SHAPES | more).items():
        answer = await log_in(client, device, Lies(after=change))
        assert answer.status_code == 422, (name, answer.text)
        assert answer.json()["errors"][0]["field"].startswith("credential"), name
    attestation: dict[str, Callable[[dict[str, Any]], None]] = {
        "attestation too long": lambda made: stuffed(made, "attestationObject", "a" * 40_000),
        "transports without end": lambda made: stuffed(made, "transports", ["usb"] * 100),
        "a transport that is no word": lambda made: stuffed(made, "transports", ["<b>"]),
    }
    for name, change in (SHAPES | attestation).items():
        assert (await add(ada, device, lies=Lies(after=change))).status_code == 422, name
    assert await Passkey.find_all().count() == 1


def changed(credential: dict[str, Any], field: str, how: Callable[[bytes], bytes]) -> None:
    credential["response"][field] = b64(how(unb64(credential["response"][field])))


def other_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


LOG_INS: dict[str, Lies] = {
    "wrong origin": Lies(origin="http://localhost:8001"),
    "other scheme": Lies(origin="https://localhost:8000"),
    "origin null": Lies(client={"origin": None}),
    "other relying party": Lies(rp_id="evil.localhost"),
    "a registration in place of a log-in": Lies(type="webauthn.create"),
    "a payment in place of a log-in": Lies(type="payment.get"),
    "a challenge of their own": Lies(challenge=b64(b"x" * 32)),
    "an empty challenge": Lies(client={"challenge": ""}),
    "challenge with padding": Lies(client={"challenge": "AAAA===="}),
    "no challenge": Lies(of_client=lambda raw: b'{"type":"webauthn.get"}'),
    "client data that are no JSON": Lies(of_client=lambda raw: raw + b"}"),
    "inside another site": Lies(client={"crossOrigin": True}),
    "user not present": Lies(flags=UV),
    "user not verified": Lies(flags=UP),
    "no flag at all": Lies(flags=0),
    "truncated data": Lies(of_data=lambda raw: raw[:20]),
    "more after the data": Lies(of_data=lambda raw: raw + b"\x00\x00"),
    "extensions that are not there": Lies(flags=UP | UV | 0x80),
    "backed up without being able to": Lies(flags=UP | UV | 0x10),
    "signature of another key": Lies(key=other_key()),
    "signature cut": Lies(of_signature=lambda raw: raw[:-1]),
    "signature with a bit flipped": Lies(of_signature=lambda raw: raw[:-1] + bytes([raw[-1] ^ 1])),
    "signature that is none": Lies(of_signature=lambda raw: b"\x00"),
    "signature of zeros": Lies(of_signature=lambda raw: bytes.fromhex("3006020100020100")),
    "no owner named": Lies(user_handle=""),
    "another owner": Lies(user_handle=b"usr_somebody_else"),
    "an owner that is no text": Lies(user_handle=b"\xff\xfe"),
    "data signed, then changed": Lies(after=lambda made: changed(made, "authenticatorData", lambda raw: raw[:-1] + b"\x09")),
    "client data signed, then changed": Lies(after=lambda made: changed(made, "clientDataJSON", lambda raw: raw + b" ")),
    "an unknown credential": Lies(after=lambda made: made.update(id=b64(b"z" * 16), rawId=b64(b"z" * 16))),
    "id and rawId differ": Lies(after=lambda made: made.update(rawId=b64(b"z" * 16))),
    "the counter stands": Lies(count=1),
    "the counter goes back": Lies(count=0),
}


async def test_no_dishonest_device_gets_in_and_all_are_told_the_same(client: httpx.AsyncClient, join: Join) -> None:
    ada, device = await join("ada", founds="Byron Treasury"), Authenticator(ORIGIN)
    assert (await add(ada, device)).status_code == 201
    client.headers["X-Request-Id"] = "same"
    answers = {}
    for name, lies in LOG_INS.items():
        answer = await log_in(client, device, lies)
        assert told(answer) == (401, "invalid_passkey"), name
        answers[name] = answer.content
    assert len(set(answers.values())) == 1
    assert await Session.find_all().count() == 1
    reasons = [row.summary for row in await AuditRecord.find({"action": "passkey.refused"}).to_list()]
    assert sum("counter" in reason for reason in reasons) == 2
    opened = await log_in(client, device)
    assert opened.status_code == 200, opened.text


async def test_a_challenge_is_answered_once(client: httpx.AsyncClient, join: Join) -> None:
    ada, device = await join("ada"), Authenticator(ORIGIN, counts=False)
    credential = device.create(await options_of(ada.http, ""))
    body = {"name": "Phone", "credential": credential}
    answers = await asyncio.gather(*(ada.http.post("/api/auth/passkeys/", json=body) for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [201, 422, 422]

    shown = {"credential": device.get(await options_of(client, "login/"))}
    answers = await asyncio.gather(*(client.post("/api/auth/passkeys/login/", json=shown) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401]

    options = await options_of(client, "login/")  # a wrong answer uses it up as well
    wrong = await client.post("/api/auth/passkeys/login/", json={"credential": device.get(options, Lies(key=other_key()))})
    right = await client.post("/api/auth/passkeys/login/", json={"credential": device.get(options)})
    assert (wrong.status_code, right.status_code) == (401, 401)


async def test_a_challenge_lasts_five_minutes(client: httpx.AsyncClient, join: Join, clock: MovableClock) -> None:
    device = Authenticator(ORIGIN)
    await add(await join("ada"), device)
    options = await options_of(client, "login/")
    clock.forward(minutes=5, seconds=1)
    late = await client.post("/api/auth/passkeys/login/", json={"credential": device.get(options)})
    assert told(late) == (401, "invalid_passkey")


async def test_challenges_are_for_what_they_were_made_for(client: httpx.AsyncClient, join: Join) -> None:
    ada, bob, device = await join("ada"), await join("bob"), Authenticator(ORIGIN, counts=False)
    await add(ada, device)
    registering = await options_of(ada.http, "")
    logging_in = await options_of(client, "login/")
    approving = await options_of(ada.http, "approve/", {"purpose": "keys"})

    async def shows(http: httpx.AsyncClient, path: str, challenge: str, **more: Any) -> int:
        credential = device.get({"rpId": "localhost", "challenge": challenge}, held=device.held[0])
        return (await http.post(f"/api/auth/passkeys/{path}/", json={"credential": credential, **more})).status_code

    assert await shows(client, "login", registering["challenge"]) == 401
    assert await shows(client, "login", approving["challenge"]) == 401
    assert await shows(ada.http, "approve", logging_in["challenge"]) == 401
    made = device.create({"rp": {"id": "localhost"}, "challenge": logging_in["challenge"], "user": registering["user"]})
    assert (await ada.http.post("/api/auth/passkeys/", json={"name": "x", "credential": made})).status_code == 422
    # of another person's session, and of another session of the same person
    again = await client.post("/api/auth/login/", json={"username": "ada", "password": PASSWORD})
    other = httpx.AsyncClient(base_url=client.base_url, headers={"Authorization": f"Bearer {again.json()['access']}"})
    async with other:
        for http in (bob.http, other):
            made = device.create(await options_of(ada.http, ""))
            assert (await http.post("/api/auth/passkeys/", json={"name": "x", "credential": made})).status_code == 422
            options = await options_of(ada.http, "approve/", {"purpose": "keys"})
            assert await shows(http, "approve", options["challenge"]) == 401
    assert await Passkey.find_all().count() == 1
    assert (await ada.http.get("/api/auth/approvals/")).json()["items"][0]["purpose"] == "security"  # the log-in, nothing else


async def test_nobody_takes_the_passkey_of_somebody_else(client: httpx.AsyncClient, join: Join) -> None:
    ada, bob, device = await join("ada"), await join("bob"), Authenticator(ORIGIN)
    adas = (await add(ada, device)).json()["id"]
    assert (await bob.http.get("/api/auth/passkeys/")).json()["items"] == []
    assert told(await bob.http.delete(f"/api/auth/passkeys/{adas}/")) == (404, "not_found")
    assert told(await bob.http.put(f"/api/auth/passkeys/{adas}/", json={"name": "mine"})) == (404, "not_found")
    absent = await bob.http.delete(f"/api/auth/passkeys/{b64(b'q' * 16)}/", headers={"X-Request-Id": "same"})
    foreign = await bob.http.delete(f"/api/auth/passkeys/{adas}/", headers={"X-Request-Id": "same"})
    assert absent.content == foreign.content
    assert told(await approve(bob, device, held=device.held[0])) == (401, "invalid_passkey")
    # bob's own key under ada's credential id
    options = await options_of(bob.http, "")
    held = Held(device.held[0].id, other_key(), unb64(options["user"]["id"]))
    thief = Authenticator(ORIGIN)
    made = thief.create(options, Lies(of_data=lambda raw: raw[:55] + held.id + raw[71:], after=lambda made: made.update(id=adas, rawId=adas)))
    assert told(await bob.http.post("/api/auth/passkeys/", json={"name": "x", "credential": made})) == (409, "passkey_taken")
    assert (await log_in(client, device)).json()["user"]["username"] == "ada"


async def test_options_of_a_log_in_say_nothing_about_accounts(client: httpx.AsyncClient, join: Join) -> None:
    before = await options_of(client, "login/")
    await add(await join("ada"), Authenticator(ORIGIN))
    after = await options_of(client, "login/")
    assert before.pop("challenge") != after.pop("challenge")
    assert before == after == {"rpId": "localhost", "timeout": 300_000, "allowCredentials": [], "userVerification": "required"}
    token = await OneTimeToken.find_one({"purpose": "passkey_log_in"})
    assert token is not None
    assert (token.user_id, token.session_id) == (None, None)


async def test_a_session_is_approved_by_passkey(join: Join, clock: MovableClock) -> None:
    ada, device = await join("ada", founds="Byron Treasury"), Authenticator(ORIGIN)
    await add(ada, device)
    clock.forward(minutes=6)
    assert (await ada.http.get("/api/auth/approvals/")).json()["items"] == []
    assert told(await ada.http.post("/api/auth/passkeys/options/")) == (403, "session_not_approved")

    for_keys = device.get(await options_of(ada.http, "approve/", {"purpose": "keys"}))
    other = await ada.http.post("/api/auth/passkeys/approve/", json={"credential": for_keys, "purpose": "security"})
    assert told(other) == (401, "invalid_passkey")  # signed for another purpose

    approved = await approve(ada, device, "keys")
    assert (approved.status_code, approved.json()["purpose"]) == (200, "keys")
    assert told(await ada.http.post("/api/auth/passkeys/options/")) == (403, "session_not_approved")
    assert (await approve(ada, device, "security")).status_code == 200
    assert (await ada.http.post("/api/auth/passkeys/options/")).status_code == 200
    assert told(await approve(ada, device, lies=Lies(count=1))) == (401, "invalid_passkey")
    for name, lies in LOG_INS.items():
        if name != "no owner named":  # the session says who it is
            assert told(await approve(ada, device, lies=lies)) == (401, "invalid_passkey"), name
    assert (await approve(ada, device, lies=Lies(user_handle=""))).status_code == 200


async def test_the_last_way_in_stays(client: httpx.AsyncClient, join: Join) -> None:
    ada, device = await join("ada", founds="Byron Treasury"), Authenticator(ORIGIN)
    first, second = (await add(ada, device)).json()["id"], (await add(ada, device)).json()["id"]
    await User.get_pymongo_collection().update_one({"_id": ada.user["id"]}, {"$set": {"password_hash": None}})
    answers = await asyncio.gather(*(ada.http.delete(f"/api/auth/passkeys/{each}/") for each in (first, second)))
    assert sorted(told(answer) for answer in answers) == [(204, None), (409, "last_way_in")]
    assert await Passkey.find_all().count() == 1
    (left,) = (await ada.http.get("/api/auth/passkeys/")).json()["items"]
    held = next(row for row in device.held if b64(row.id) == left["id"])
    assert (await log_in(client, device, held=held)).status_code == 200


async def test_suspended_people_do_not_get_in(client: httpx.AsyncClient, join: Join, clock: MovableClock) -> None:
    ada, device = await join("ada"), Authenticator(ORIGIN)
    await add(ada, device)
    await User.get_pymongo_collection().update_one({"_id": ada.user["id"]}, {"$set": {"suspended_at": clock.now()}})
    refused = await log_in(client, device)
    assert refused.status_code == 403, refused.text
    assert await Session.find_all().count() == 1


async def test_people_without_a_verified_address_do_not_get_in_and_nobody_does_who_is_gone(client: httpx.AsyncClient, join: Join) -> None:
    ada, device = await join("ada"), Authenticator(ORIGIN)
    await add(ada, device)
    people = User.get_pymongo_collection()
    await people.update_one({"_id": ada.user["id"]}, {"$set": {"email_verified_at": None}})
    assert told(await log_in(client, device)) == (403, "email_not_verified")
    await people.delete_one({"_id": ada.user["id"]})
    assert told(await log_in(client, device)) == (401, "invalid_passkey")
    assert await Session.find_all().count() == 1


@pytest.mark.parametrize("frontend_url", ["http://127.0.0.1:8000", "http://[::1]:8000"])
async def test_at_an_address_without_a_name_there_are_none(client: httpx.AsyncClient, join: Join) -> None:
    ada = await join("ada")
    credential = Authenticator(ORIGIN).get({"rpId": "localhost", "challenge": b64(b"x" * 32)}, held=Held(b"x" * 16, other_key(), b"usr"))
    asked = [
        await ada.http.post("/api/auth/passkeys/options/"),
        await client.post("/api/auth/passkeys/login/options/"),
        await ada.http.post("/api/auth/passkeys/approve/options/", json={}),
        await client.post("/api/auth/passkeys/login/", json={"credential": credential}),
    ]
    assert {told(answer) for answer in asked} == {(409, "passkeys_need_a_name")}
    assert "name" in asked[0].json()["detail"]
    assert (await ada.http.get("/api/auth/passkeys/")).json() == {"items": []}


@pytest.mark.parametrize("frontend_url", ["https://Coffer.Example.com:443/app"])
async def test_the_party_is_the_host_of_the_front_end(client: httpx.AsyncClient, join: Join) -> None:
    ada, device = await join("ada"), Authenticator("https://coffer.example.com")
    assert (await options_of(ada.http, ""))["rp"]["id"] == "coffer.example.com"
    assert (await add(ada, device)).status_code == 201
    assert (await log_in(client, device)).status_code == 200
    assert told(await log_in(client, device, Lies(rp_id="example.com"))) == (401, "invalid_passkey")

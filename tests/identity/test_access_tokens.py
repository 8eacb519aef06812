"""The corpus of RFC 8725 over HTTP: tokens that are not exactly ours open nothing. And the ring of keys that sign them."""

import asyncio
import hashlib
import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from crypto_api.adapters.secret_box import SecretBox
from crypto_api.audit.documents import AuditRecord
from crypto_api.flows.access_tokens import SIGNS_FOR, AccessTokens, RingMemory, rotate_keys
from crypto_api.flows.reseal import reseal
from crypto_api.http.auth import tokens_of
from crypto_api.identity import access_tokens
from crypto_api.identity.access_tokens import KEY_BYTES, Signer
from crypto_api.identity.documents import SigningKey
from crypto_api.identity.errors import InvalidToken
from crypto_api.kit.errors import BoxBroken
from crypto_api.runtime import Runtime

USER, SESSION = "usr_1", "ses_1"


def b64(raw: bytes | str) -> str:
    return urlsafe_b64encode(raw.encode() if isinstance(raw, str) else raw).rstrip(b"=").decode()


class Forge:
    """Makes tokens with our own key that say something else than ours, and tokens with other keys."""

    def __init__(self, signer: Signer, now: float) -> None:
        self.key, self.kid, self.now = signer.key, signer.kid, int(now)
        self.header: dict[str, Any] = {"alg": "HS256", "kid": self.kid, "typ": "at+jwt"}
        self.claims: dict[str, Any] = {
            "sub": USER, "sid": SESSION, "iss": "coffer", "aud": "coffer-api", "iat": self.now, "exp": self.now + 900, "jti": "jti_1",
        }  # fmt: skip

    def raw(self, header: str, claims: str, key: bytes | None = None, digest: str = "sha256") -> str:
        signed = f"{b64(header)}.{b64(claims)}"
        return f"{signed}.{b64(hmac.digest(key or self.key, signed.encode(), digest))}"

    def token(
        self, header: dict[str, Any] | None = None, claims: dict[str, Any] | None = None, key: bytes | None = None, digest: str = "sha256"
    ) -> str:
        both = [json.dumps(part, separators=(",", ":")) for part in ({**self.header, **(header or {})}, {**self.claims, **(claims or {})})]
        return self.raw(both[0], both[1], key, digest)

    def without(self, claim: str) -> str:
        left = {name: value for name, value in self.claims.items() if name != claim}
        return self.raw(json.dumps(self.header, separators=(",", ":")), json.dumps(left, separators=(",", ":")))

    def unsigned(self, alg: str) -> str:
        return ".".join([*self.token({"alg": alg}).split(".")[:2], ""])

    def corpus(self) -> Iterator[tuple[str, str]]:
        yield from self._algorithms()
        yield from self._keys()
        yield from self._headers()
        yield from self._claims()
        yield from self._times()
        yield from self._encodings()

    def _algorithms(self) -> Iterator[tuple[str, str]]:
        for alg in ("none", "None", "NONE", "nOnE", "none ", "", "hs256", "HS256 ", "HS257", "dir"):
            yield f"alg {alg!r} unsigned", self.unsigned(alg)
            yield f"alg {alg!r} with our signature", self.token({"alg": alg})
        yield "HS384 by our key", self.token({"alg": "HS384"}, digest="sha384")
        yield "HS512 by our key", self.token({"alg": "HS512"}, digest="sha512")
        rsa_key, ec_key = rsa.generate_private_key(public_exponent=65537, key_size=2048), ec.generate_private_key(ec.SECP256R1())
        typ = {"typ": "at+jwt", "kid": self.kid}
        yield "RS256", jwt.encode(self.claims, rsa_key, algorithm="RS256", headers=typ)
        yield "PS256", jwt.encode(self.claims, rsa_key, algorithm="PS256", headers=typ)
        yield "ES256", jwt.encode(self.claims, ec_key, algorithm="ES256", headers=typ)
        public = rsa_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        yield "HS256 by a public key", self.token(key=public)
        yield "alg as a list", self.token({"alg": ["HS256", "none"]})
        yield "alg null", self.token({"alg": None})
        yield "alg number", self.token({"alg": 256})
        yield "no alg", self.raw(json.dumps({"kid": self.kid, "typ": "at+jwt"}), json.dumps(self.claims))

    def _keys(self) -> Iterator[tuple[str, str]]:
        kids: list[Any] = [
            "../../dev/null", "/dev/null", "..\\..\\nul", "file:///etc/passwd", "' OR '1'='1", "x' UNION SELECT 'a'; --", '{"$ne": null}', "key_none",
            "", " ", "\x00", f"{self.kid}\x00", f" {self.kid}", self.kid.upper(), "*", ".*", None, 0, True, [self.kid], {"$ne": None}, {"$gt": ""},
        ]  # fmt: skip
        for kid in kids:
            yield f"kid {kid!r} by our key", self.token({"kid": kid})
            yield f"kid {kid!r} by an empty key", self.token({"kid": kid}, key=b"\x00")
        yield "no kid", self.raw('{"alg":"HS256","typ":"at+jwt"}', json.dumps(self.claims, separators=(",", ":")))
        for name, key in (
            ("empty", b"\x00"),
            ("its own kid", self.kid.encode()),
            ("zeros", bytes(KEY_BYTES)),
            ("flipped", bytes([self.key[0] ^ 1]) + self.key[1:]),
        ):
            yield f"our kid by the {name} key", self.token(key=key)

    def _headers(self) -> Iterator[tuple[str, str]]:
        own = {"kty": "oct", "k": b64(self.key), "kid": self.kid}
        extra: dict[str, Any] = {
            "jku": "https://evil.example/keys.json", "x5u": "https://evil.example/cert.pem", "x5c": ["MIIB"], "jwk": own, "x5t": "abc", "zip": "DEF",
            "crit": ["exp"], "b64": False, "cty": "JWT", "enc": "A256GCM", "exp": self.now + 900, "url": "http://127.0.0.1/", "nonce": "1", "": 1,
        }  # fmt: skip
        for name, value in extra.items():
            yield f"header {name!r}", self.token({name: value})
        yield "crit with b64", self.token({"crit": ["b64"], "b64": False})
        for typ in ("JWT", "jwt", "AT+JWT", "application/at+jwt", "ws+jwt", "at+jwt ", "", None, ["at+jwt"]):
            yield f"typ {typ!r}", self.token({"typ": typ})
        yield "no typ", self.raw(json.dumps({"alg": "HS256", "kid": self.kid}, separators=(",", ":")), json.dumps(self.claims, separators=(",", ":")))

    def _claims(self) -> Iterator[tuple[str, str]]:
        for claim in self.claims:
            yield f"no {claim}", self.without(claim)
            for value in (None, "", {"$ne": None}, [self.claims[claim]], True):
                yield f"{claim} {value!r}", self.token(claims={claim: value})
        for iss in ("Coffer", "coffer ", "https://coffer", "coffer\x00"):
            yield f"iss {iss!r}", self.token(claims={"iss": iss})
        for aud in ("coffer", "coffer-ws", "coffer-api ", "*", ["coffer-api", "else"]):
            yield f"aud {aud!r}", self.token(claims={"aud": aud})
        for claim in ("nbf", "scope", "role", "admin", "org_id"):
            yield f"added {claim}", self.token(claims={claim: self.now})
        yield "another session", self.token(claims={"sid": "ses_other"})
        yield "another person", self.token(claims={"sub": "usr_other"})
        yield "number sub", self.token(claims={"sub": 1})

    def _times(self) -> Iterator[tuple[str, str]]:
        for name, exp in (
            ("past", self.now - 1),
            ("now", self.now),
            ("zero", 0),
            ("negative", -1),
            ("far", self.now + 10**9),
            ("huge", 2**63),
            ("huger", 10**400),
        ):
            yield f"exp {name}", self.token(claims={"exp": exp})
        for exp in (f"{self.now + 900}", self.now + 899.5, float(self.now + 900), "tomorrow", "Infinity"):
            yield f"exp {exp!r}", self.token(claims={"exp": exp})
        yield "exp NaN", self.raw(json.dumps(self.header), json.dumps(self.claims).replace(str(self.now + 900), "NaN"))
        yield "exp 1e400", self.raw(json.dumps(self.header), json.dumps(self.claims).replace(str(self.now + 900), "1e400"))
        yield "iat future", self.token(claims={"iat": self.now + 600, "exp": self.now + 1_200})
        yield "iat text", self.token(claims={"iat": str(self.now)})
        yield "iat float", self.token(claims={"iat": float(self.now)})
        yield "nbf future", self.token(claims={"nbf": self.now + 600})
        yield "issued long ago, still valid", self.token(claims={"iat": self.now - 9_000})

    def _encodings(self) -> Iterator[tuple[str, str]]:
        ours = self.token()
        header, payload, signature = ours.split(".")
        for name, parts in (
            ("truncated signature", (header, payload, signature[:-1])), ("half a signature", (header, payload, signature[:20])),
            ("no signature", (header, payload, "")), ("two segments", (header, payload)), ("four segments", (header, payload, signature, "e30")),
            ("no header", ("", payload, signature)), ("no payload", (header, "", signature)), ("padded", (header, payload, signature + "=")),
            ("padded header", (header + "==", payload, signature)), ("swapped", (payload, header, signature)),
            ("a line end", (header, payload, signature + "%0a")),
            ("space inside", (header, " " + payload, signature)), ("doubled signature", (header, payload, signature * 2)),
            ("header of arrays", (b64("[]"), payload, signature)), ("header text", (b64('"HS256"'), payload, signature)),
            ("payload not JSON", (header, b64("not json"), signature)), ("only dots", ("", "", "")),
        ):  # fmt: skip
            yield name, ".".join(parts)
        yield "spare bits of the signature", f"{header}.{payload}.{_with_spare_bits(signature)}"
        for place in (0, 10, 42):
            flipped = "A" if signature[place] != "A" else "B"
            yield f"signature flipped at {place}", f"{header}.{payload}.{signature[:place]}{flipped}{signature[place + 1 :]}"
        yield "payload flipped", f"{header}.{payload[:9]}{'A' if payload[9] != 'A' else 'B'}{payload[10:]}.{signature}"
        twice = json.dumps(self.claims, separators=(",", ":"))
        yield "sub twice", self.raw(json.dumps(self.header, separators=(",", ":")), twice.replace('{"sub"', '{"sub":"usr_other","sub"'))
        yield "alg twice", self.raw('{"alg":"none",' + json.dumps(self.header, separators=(",", ":"))[1:], twice)
        yield "kid twice", self.raw(json.dumps(self.header, separators=(",", ":"))[:-1] + f',"kid":"{self.kid}"}}', twice)
        yield "blanks in the JSON", self.raw(json.dumps(self.header), json.dumps(self.claims))
        yield "escapes in the JSON", self.raw(json.dumps(self.header, separators=(",", ":")), twice.replace("coffer-api", "\\u0063offer-api"))
        yield "nested", self.raw(json.dumps(self.header, separators=(",", ":")), json.dumps(ours))
        yield "deep", self.raw(json.dumps(self.header, separators=(",", ":")), "[" * 600 + "]" * 600)
        yield "oversized claim", self.token(claims={"jti": "x" * 3_000})
        yield "5 kB", "a" * 5_000
        yield "JWE", "..".join([b64('{"alg":"dir","enc":"A256GCM"}'), "x.y.z"])
        yield "JSON serialisation", json.dumps({"payload": payload, "protected": header, "signature": signature})
        yield "rubbish", "abc.def.ghi"


def _with_spare_bits(signature: str) -> str:
    """43 characters hold 258 bits for 256: the same bytes, spelled otherwise."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return signature[:-1] + alphabet[alphabet.index(signature[-1]) + 1]


@pytest.fixture
def tokens(runtime: Runtime) -> AccessTokens:
    return tokens_of(runtime)


async def forge_of(tokens: AccessTokens, runtime: Runtime) -> Forge:
    now = runtime.clock.now()
    return Forge((await tokens._ring(now)).signer, now.timestamp())


async def test_what_is_not_exactly_ours_opens_nothing(tokens: AccessTokens, runtime: Runtime) -> None:
    forge = await forge_of(tokens, runtime)
    assert (await tokens.read(forge.token(), runtime.clock.now())).user_id == USER  # the forge is good: one of ours it could not tell
    corpus = dict(forge.corpus())
    assert len(corpus) >= 200
    got_in = []
    for name, token in corpus.items():
        try:
            claims = await tokens.read(token, runtime.clock.now())
        except InvalidToken:
            continue
        if (claims.user_id, claims.session_id) == (USER, SESSION) or name not in ("another session", "another person"):
            got_in.append(name)  # those two are well signed; the session behind them decides, over HTTP
    assert got_in == []


async def test_each_process_makes_no_key_of_its_own(runtime: Runtime) -> None:
    processes = [AccessTokens(runtime.uow, runtime.box, RingMemory()) for _ in range(8)]
    now = runtime.clock.now()
    issued = await asyncio.gather(*(process.issue(USER, SESSION, now) for process in processes))
    assert await SigningKey.find_all().count() == 1
    for process in processes:
        for token in issued:
            assert (await process.read(token, now)).session_id == SESSION


async def test_an_old_key_verifies_until_what_it_signed_has_run_out(runtime: Runtime) -> None:
    one, other = (AccessTokens(runtime.uow, runtime.box, RingMemory()) for _ in range(2))
    now = runtime.clock.now()
    before = await one.issue(USER, SESSION, now)
    await other.issue(USER, SESSION, now)
    kid = await rotate_keys(runtime.uow, runtime.box, now)
    fresh = AccessTokens(runtime.uow, runtime.box, RingMemory())
    after = await fresh.issue(USER, SESSION, now)
    assert access_tokens.kid_of(after) == kid != access_tokens.kid_of(before)
    other.memory.looked_at_s -= 2  # longer ago than it may look for an unknown key again
    assert (await other.read(after, now)).user_id == USER  # it looks at once for a key that it does not know
    assert (await fresh.read(before, now)).user_id == USER
    late = now + timedelta(minutes=17)
    assert (await AccessTokens(runtime.uow, runtime.box, RingMemory()).issue(USER, SESSION, late)).split(".")[0] == after.split(".")[0]
    gone = AccessTokens(runtime.uow, runtime.box, RingMemory())
    with pytest.raises(InvalidToken):
        await gone.read(before, late)
    assert access_tokens.kid_of(before) not in (await gone._ring(late)).keys


async def test_keys_can_be_ended_at_once(runtime: Runtime) -> None:
    tokens = AccessTokens(runtime.uow, runtime.box, RingMemory())
    now = runtime.clock.now()
    before = await tokens.issue(USER, SESSION, now)
    await rotate_keys(runtime.uow, runtime.box, now, at_once=True)
    tokens.memory.looked_at_s -= 6  # a process looks again after five seconds
    with pytest.raises(InvalidToken):
        await tokens.read(before, now)


async def test_unknown_keys_cost_at_most_a_look_a_second(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = AccessTokens(runtime.uow, runtime.box, RingMemory())
    forge = await forge_of(tokens, runtime)
    looks = 0
    look = AccessTokens._look

    async def counted(self: AccessTokens, now: Any) -> Any:
        nonlocal looks
        looks += 1
        return await look(self, now)

    monkeypatch.setattr(AccessTokens, "_look", counted)
    for number in range(200):
        with pytest.raises(InvalidToken):
            await tokens.read(forge.token({"kid": f"key_{number}"}), runtime.clock.now())
    assert looks <= 2


async def test_keys_are_sealed_and_can_be_sealed_anew(runtime: Runtime) -> None:
    now = runtime.clock.now()
    old = await AccessTokens(runtime.uow, runtime.box, RingMemory()).issue(USER, SESSION, now)
    (row,) = await SigningKey.find_all().to_list()
    with pytest.raises(BoxBroken):
        runtime.box.open(row.sealed_key, "signing-key|another")
    key = runtime.box.open(row.sealed_key, f"signing-key|{row.id}")
    assert hashlib.sha256(runtime.config.secret_key.get_secret_value().encode()).digest() != key

    new_secret = "another secret: " + "f" * 48
    both = SecretBox(new_secret, runtime.config.secret_key.get_secret_value())
    assert await reseal(runtime.uow, both, now) == 1
    only_new = AccessTokens(runtime.uow, SecretBox(new_secret), RingMemory())
    assert (await only_new.read(old, now)).user_id == USER


async def test_a_key_signs_for_a_quarter_and_the_next_takes_over_by_itself(runtime: Runtime) -> None:
    made = runtime.clock.now()
    first = await AccessTokens(runtime.uow, runtime.box, RingMemory()).issue(USER, SESSION, made)
    kid = access_tokens.kid_of(first)
    last = made + SIGNS_FOR - timedelta(minutes=1)
    late = await AccessTokens(runtime.uow, runtime.box, RingMemory()).issue(USER, SESSION, last)
    assert access_tokens.kid_of(late) == kid and await SigningKey.find_all().count() == 1
    over = made + SIGNS_FOR
    others = [AccessTokens(runtime.uow, runtime.box, RingMemory()) for _ in range(3)]  # processes that find out at the same moment
    fresh = await asyncio.gather(*(other.issue(USER, SESSION, over) for other in others))
    (new,) = {access_tokens.kid_of(token) for token in fresh}
    assert new != kid and await SigningKey.find_all().count() == 2
    assert [(await other.read(late, over)).user_id for other in others] == [USER] * 3, "nobody is put out"
    assert await AuditRecord.find({"action": "signing_key.rotated"}).count() == 2


async def test_a_lost_secret_key_makes_a_new_signing_key_and_no_fault(runtime: Runtime) -> None:
    now = runtime.clock.now()
    old = await AccessTokens(runtime.uow, runtime.box, RingMemory()).issue(USER, SESSION, now)
    stranger = AccessTokens(runtime.uow, SecretBox("quite another secret: " + "f" * 48), RingMemory())
    assert (await stranger.read(await stranger.issue(USER, SESSION, now), now)).user_id == USER
    with pytest.raises(InvalidToken):
        await stranger.read(old, now)


def test_a_token_has_one_spelling_before_any_library_looks_at_it() -> None:
    ours = access_tokens.issue(Signer("key_a", b"k" * 32), USER, SESSION, datetime.now(UTC))
    assert access_tokens.kid_of(ours) == "key_a"
    with pytest.raises(InvalidToken):
        access_tokens.kid_of(_with_spare_bits(ours))

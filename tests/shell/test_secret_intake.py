"""Bodies with keys: what is found in them, what goes on, and what is left of it."""

import json
from base64 import b64encode

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from crypto_api.kit.signing import UNSEALED
from crypto_project.secret_intake import NOT_JSON, SECRETS_MAX, NotJson, seal_body, values
from signer.keyring import Keyring, open_keyring
from signer.parcels import open_parcel
from signer.settings import VaultSettings

KEY = "0x4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318"


@pytest.fixture(scope="module")
def keyring() -> Keyring:
    return open_keyring(VaultSettings(_env_file=None, master_key=SecretStr(b64encode(bytes(32)).decode())))  # type: ignore[call-arg]


def sealed(text: str | bytes, keyring: Keyring) -> bytes:
    body = bytearray(text.encode() if isinstance(text, str) else text)
    done = seal_body(body, keyring.intake)
    assert not any(body), "the original is overwritten"
    return done


def opened(parcel: str, keyring: Keyring) -> object:
    return open_parcel(parcel, keyring.intake_keys)


@pytest.mark.parametrize("value", [KEY, "", "\u00e9\ud83d\ude00", 'quo"te\\', 17, 1.5, True, [KEY], {"private_key": KEY}, {"a": [KEY, {"b": KEY}]}])
@pytest.mark.parametrize("name", ["private_key", "keystore_password"])
def test_whatever_stands_there_is_sealed_and_the_rest_stays(name: str, value: object, keyring: Keyring) -> None:
    body = {"name": "Op\u00e9rations", name: value, "nested": {"a": [1, None]}, "monitoring_enabled": True}
    for text in (json.dumps(body), json.dumps(body, indent=2), orjson.dumps(body) if value != "\u00e9\ud83d\ude00" else json.dumps(body)):
        done = orjson.loads(sealed(text, keyring))
        parcel = done.pop(name)
        assert done == {key: row for key, row in body.items() if key != name}
        assert json.loads(json.dumps(opened(parcel, keyring))) == json.loads(json.dumps(value))


def test_names_are_found_through_escapes_repeats_and_depth(keyring: Keyring) -> None:
    text = f'{{"private\\u005fkey":"{KEY}","private_key":"{KEY}","x":[{{"private_key":"{KEY}"}}],"keystore":{{"private_key":"{KEY}"}}}}'
    done = sealed(text, keyring)
    assert KEY[2:].encode() not in done
    assert done.count(b"eyJ") == 4


def test_what_looks_like_a_key_is_hidden_wherever_it_stands_but_not_in_a_keystore(keyring: Keyring) -> None:
    cipher = "ab" * 32
    done = orjson.loads(sealed(json.dumps({"privat_key": KEY, "name": KEY[2:].upper(), "keystore": {"crypto": {"mac": cipher}}}), keyring))
    assert done == {"privat_key": "[hidden]", "name": "[hidden]", "keystore": {"crypto": {"mac": cipher}}}


def test_more_secrets_than_any_request_of_ours_has_are_hidden(keyring: Keyring) -> None:
    done = sealed(json.dumps([{"private_key": KEY}] * 1_000), keyring)
    assert done.count(b"eyJ") == SECRETS_MAX
    assert [row["private_key"] for row in orjson.loads(done)[SECRETS_MAX:]] == ["[hidden]"] * (1_000 - SECRETS_MAX)


def test_nothing_and_a_parcel_stay_as_they_are(keyring: Keyring) -> None:
    parcel = orjson.loads(sealed(json.dumps({"private_key": KEY}), keyring))["private_key"]
    for body in ({"private_key": None}, {"private_key": parcel}, {}, [], "text", 5):
        assert orjson.loads(sealed(json.dumps(body), keyring)) == body


def test_without_the_signers_key_a_word_stands_there() -> None:
    assert orjson.loads(seal_body(bytearray(orjson.dumps({"private_key": KEY})), None)) == {"private_key": UNSEALED}


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "}", "[", "]", '{"private_key"', '{"private_key":', f'{{"private_key":"{KEY}"',
        f'{{"private_key" "{KEY}"}}', f'{{"private_key: "{KEY}"}}',
        f'{{"private_key":"{KEY}",}}', f'[{{"private_key":"{KEY}"]}}', f"{{'private_key':'{KEY}'}}", f'{{private_key:"{KEY}"}}',
        f'{{"{KEY}":1}}',
        f'{{"a":"{KEY}" "b"}}', f'{{"a":01,"b":"{KEY}"}}', f'{{"a":"\\x","b":"{KEY}"}}', f'{{"a":"\n","b":"{KEY}"}}',
        f'"{KEY}" x', "nul", "[1,]", "[,1]",
        '{"a":1,,"b":2}', '{"a"}', '{1:2}', "{,}", f"private_key={KEY}", f"--b\r\nContent-Disposition: form-data; name=private_key\r\n\r\n{KEY}",
        "[" * 65 + "]" * 65,
    ],
)  # fmt: skip
def test_what_is_not_json_goes_no_further(text: str, keyring: Keyring) -> None:
    assert sealed(text, keyring) == NOT_JSON


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
                    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=20))  # fmt: skip
def test_every_json_text_is_read_as_json(value: object) -> None:
    text = json.dumps(value)
    found = values(bytearray(text.encode()))
    assert (found[-1].start, found[-1].end) == (0, len(text))


@given(st.binary(max_size=60))
def test_nothing_else_is_taken_for_json(raw: bytes) -> None:
    try:
        values(bytearray(raw))
    except NotJson:
        return
    try:
        json.loads(raw.decode("utf-8", "replace"))
    except ValueError:
        pytest.fail(f"no JSON: {raw!r}")

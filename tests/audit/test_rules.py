"""What of a change is kept: the difference, bounded, and never a secret."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

import orjson
import pytest
from bson import BSON
from pydantic import BaseModel, SecretStr

from crypto_api.audit.rules import HIDDEN, difference, is_secret, plain, seal
from crypto_api.documents import DOCUMENTS
from crypto_api.kit.seals import canonical

CANARY = "canary-7Qz1x"

SECRET = [
    "password", "new_password", "current_password", "password_hash", "private_key", "privateKey", "PRIVATE_KEY", "sealed_key", "sealed_secret",
    "secret", "client_secret", "recovery_codes", "recovery_hashes", "totp", "otp", "otp_code", "mnemonic", "seed_phrase", "passphrase", "keystore",
    "token", "access_token", "refresh_token", "token_hash", "refresh_hash", "dashboard_hash", "access", "refresh", "ticket", "api_key", "apiKey",
    "master_key", "signing_key", "data_key", "cookie", "jwt", "authorization", "backup_codes", "hashes_used", "keys", "ciphertext", "credentials",
    "pin",
]  # fmt: skip
OPEN = [
    "name", "address", "transaction_hash", "block_hash", "hash", "tx_hash", "opened_at_hash", "token_contract", "token_symbol", "token_address",
    "token_id",
    "asset", "contract", "public_key", "key_id", "password_changed_at", "otp_required", "recovery_count", "monitoring_enabled", "version",
    "wallet_type", "network", "currency", "keyboard", "hashtag", "accessed", "tokenized", "second_factor_roles", "account_code", "email",
]  # fmt: skip


@pytest.mark.parametrize("name", SECRET)
def test_a_secret_is_hidden_wherever_it_stands(name: str) -> None:
    assert is_secret(name)
    for value in (CANARY, [CANARY], {"inner": CANARY}, {"deep": [{"er": CANARY}]}, CANARY.encode(), 123456, SecretStr(CANARY)):
        for fields in ({name: value}, {"outer": {name: value}}, {"rows": [{"at": {name: value}}]}):
            _, after = difference(None, fields)
            shown = orjson.dumps(after).decode()
            assert CANARY not in shown
            assert "123456" not in shown
            assert HIDDEN in shown


@pytest.mark.parametrize("name", OPEN)
def test_what_is_no_secret_stays_visible(name: str) -> None:
    assert plain(name, "0xabc") == "0xabc"


def test_that_there_was_none_and_that_it_changed_are_told_without_the_secret() -> None:
    assert difference({"password_hash": None, "name": "a"}, {"password_hash": CANARY, "name": "a"}) == (
        {"password_hash": None},
        {"password_hash": HIDDEN},
    )
    assert difference({"sealed_key": CANARY}, {"sealed_key": CANARY + "2"}) == ({"sealed_key": HIDDEN}, {"sealed_key": HIDDEN})
    assert difference({"sealed_key": CANARY}, {"sealed_key": CANARY}) == ({}, {})
    contract = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"
    assert plain("token", contract) == contract


def test_only_what_changed_is_kept() -> None:
    before = {"name": "Old", "network": "ethereum", "tags": ["a"]}
    assert difference(before, {"name": "New", "network": "ethereum", "tags": ["a", "b"]}) == (
        {"name": "Old", "tags": ["a"]},
        {"name": "New", "tags": ["a", "b"]},
    )
    assert difference(None, {"name": "New"}) == (None, {"name": "New"})
    assert difference({"name": "Old"}, None) == ({"name": "Old"}, None)


def test_every_value_becomes_something_that_can_be_stored_and_is_bounded() -> None:
    class Colour(StrEnum):
        RED = "red"

    class Model(BaseModel):
        password: str = CANARY
        name: str = "shown"

    @dataclass
    class Value:
        secret: str = CANARY
        amount: Decimal = Decimal("0.10")

    class Unforeseen:
        def __str__(self) -> str:
            return CANARY

    wild: dict[str, Any] = {
        "big": 2**255,
        "negative": -(2**80),
        "colour": Colour.RED,
        "model": Model(),
        "value": Value(),
        "thing": Unforeseen(),
        "bytes": CANARY.encode(),
        "when": datetime(2026, 11, 21, tzinfo=UTC),
        "day": date(2026, 11, 21),
        "long": "x" * 10_000,
        "many": list(range(10_000)),
        "a.b$c\0": "x\0y",
        "set": {"b", "a"},
    }
    deep: Any = "bottom"
    for _ in range(50):
        deep = {"down": deep}
    _, after = difference(None, wild | {"deep": deep})
    assert after is not None
    BSON.encode(after)
    text = orjson.dumps(after).decode()
    assert CANARY not in text
    assert "bottom" not in text
    assert len(text) < 4_000
    assert after["big"] == str(2**255)
    assert after["colour"] == "red"
    assert after["model"] == {"password": HIDDEN, "name": "shown"}
    assert after["value"] == {"secret": HIDDEN, "amount": "0.10"}
    assert after["set"] == ["a", "b"]
    assert after["when"] == "2026-11-21T00:00:00.000+00:00"


def test_every_secret_that_is_stored_anywhere_has_a_name_that_hides_it() -> None:
    """The documents are the list of what a change may show: whoever adds a secret sees here whether its name gives it away."""
    stored = {name for document in DOCUMENTS for name in document.model_fields}
    expected = {"password_hash", "totp", "recovery_hashes", "sealed_key"} & stored
    assert {name for name in stored if is_secret(name)} >= expected
    assert not {name for name in ("hash", "block_hash", "transaction_hash", "address", "contract", "movements") if is_secret(name)}


def test_a_seal_follows_from_every_byte_of_the_record_its_number_and_what_came_before() -> None:
    row = {"_id": "aud_1", "created_at": datetime(2026, 11, 21, 1, 2, 3, 4000, tzinfo=UTC), "after": {"b": 1, "a": [None, "é"]}}
    assert canonical(row) == '{"_id":"aud_1","after":{"a":[null,"é"],"b":1},"created_at":"2026-11-21T01:02:03.004+00:00"}'.encode()
    first = seal("0" * 64, 1, row)
    assert first == seal("0" * 64, 1, dict(reversed(row.items())))
    changed = [seal("1" * 64, 1, row), seal("0" * 64, 2, row), seal("0" * 64, 1, row | {"after": {"b": "1", "a": [None, "é"]}})]
    assert len({first, *changed, seal("0" * 64, 1, row | {"added": None})}) == 5

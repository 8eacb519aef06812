"""What a page takes for the answer of a device, before anything is proved by it."""

from typing import Any

import pytest

from crypto_api.dashboard.credentials import PART_MAX, new_credential, shown_credential
from crypto_api.identity.errors import InvalidPasskey

MADE = {"clientDataJSON": "eyJ9", "attestationObject": "o2Nm"}
SHOWN = {"clientDataJSON": "eyJ9", "authenticatorData": "SZYN", "signature": "MEUC", "userHandle": "dXNy"}


def body(response: Any, **changes: Any) -> dict[str, Any]:
    return {"credential": {"id": "a2V5", "rawId": "a2V5", "type": "public-key", "response": response} | changes}


def test_what_a_device_answers_is_taken() -> None:
    assert shown_credential(body(SHOWN))["response"] == SHOWN
    assert new_credential(body(MADE | {"transports": ["usb", 7]}))["response"] == MADE | {"transports": ["usb"]}


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"credential": None},
        {"credential": []},
        body(None),
        body("text"),
        body([]),
        body(MADE | SHOWN, type="password"),
        body(MADE | SHOWN, type=None),
        *(body(MADE | SHOWN, id=value) for value in (None, "", 7, ["a2V5"], "é", "x" * (PART_MAX + 1))),
        *(body(MADE | SHOWN | {"clientDataJSON": value}) for value in (None, "", 7, {}, "é", "x" * (PART_MAX + 1))),
    ],
)
def test_nothing_else_is(wrong: dict[str, Any]) -> None:
    for read in (new_credential, shown_credential):
        with pytest.raises(InvalidPasskey):
            read(wrong)


def test_an_owner_who_is_no_text_is_none() -> None:
    with pytest.raises(InvalidPasskey):
        shown_credential(body(SHOWN | {"userHandle": 7}))

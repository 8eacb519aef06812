"""What a browser answers when it is asked for a passkey (WebAuthn, `PublicKeyCredential.toJSON()`), as far as it is looked at here: that every
part is there and is short text. What it proves is decided below."""

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from crypto_api.dashboard.translation import gettext
from crypto_api.identity.errors import InvalidPasskey

PART_MAX = 32_768
_MADE = ("clientDataJSON", "attestationObject")
_SHOWN = ("clientDataJSON", "authenticatorData", "signature")


def new_credential(body: Mapping[str, Any]) -> dict[str, Any]:
    """One that was just made. InvalidPasskey for what is none."""
    credential = _credential(body, _MADE)
    transports = body["credential"]["response"].get("transports")
    known = [name for name in transports if isinstance(name, str) and len(name) <= 32] if isinstance(transports, list) else []
    credential["response"]["transports"] = known[:8]
    return credential


def shown_credential(body: Mapping[str, Any]) -> dict[str, Any]:
    """One that was used. InvalidPasskey for what is none."""
    credential = _credential(body, _SHOWN)
    handle = body["credential"]["response"].get("userHandle")
    if handle is not None:
        credential["response"]["userHandle"] = _text(handle)
    return credential


def _credential(body: Mapping[str, Any], parts: tuple[str, ...]) -> dict[str, Any]:
    given = body.get("credential")
    response = given.get("response") if isinstance(given, dict) else None
    if not isinstance(given, dict) or not isinstance(response, dict) or given.get("type") != "public-key":
        raise InvalidPasskey
    return {
        "id": _text(given.get("id")),
        "rawId": _text(given.get("rawId")),
        "type": "public-key",
        "response": {part: _text(response.get(part)) for part in parts},
    }


def _text(value: object) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= PART_MAX or not value.isascii():
        raise InvalidPasskey
    return value


def why_impossible(frontend_url: str) -> str:
    """Why no passkey can be used at this address, for people; empty where one can (WebAuthn, section 5.1.2)."""
    host = urlsplit(frontend_url).hostname or ""
    try:
        ip_address(host)
    except ValueError:
        return ""
    told = gettext(
        "Passkeys belong to a name, and this installation runs at the address %(host)s. Whoever runs it can give it a name: "
        "the setting FRONTEND_URL, for example http://localhost:8000."
    )
    return told % {"host": host}

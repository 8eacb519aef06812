"""Passkeys: WebAuthn Level 3, the part of the server, by py_webauthn. What it leaves to us is here as well: cross-origin frames, the credential id,
the formats that can come back when no attestation was asked for."""

import binascii
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from secrets import token_bytes
from typing import Any
from urllib.parse import urlsplit

import webauthn
from webauthn.helpers import options_to_json_dict, parse_attestation_object
from webauthn.helpers.structs import (
    AttestationFormat,
    AuthenticatorSelectionCriteria,
    AuthenticatorTransport,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from crypto_api.identity.errors import PasskeysNeedAName
from crypto_api.identity.types import CHALLENGE_LIFETIME

RP_NAME = "Coffer"
_TIMEOUT_MS = int(CHALLENGE_LIFETIME.total_seconds() * 1000)
_CHALLENGE_BYTES = 32
_FORMATS = (AttestationFormat.NONE, AttestationFormat.PACKED)  # none was asked for: the browser leaves these (section 5.1.3, step 22)
_PORTS = {"http": 80, "https": 443}


UNPROVEN = "it does not prove what it should"


class PasskeyRefused(Exception):
    """What came back proves nothing. The reason is in words of ours, for the audit log; `detail` may quote what came, and is for the other."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.detail = detail[:300]


@dataclass(frozen=True)
class RelyingParty:
    id: str  # a host name
    origin: str  # as a browser writes it: no port where it is the scheme's own


@dataclass(frozen=True)
class Known:
    """A passkey that there is."""

    id: str
    transports: Sequence[str]


@dataclass(frozen=True)
class NewPasskey:
    id: str
    public_key: bytes  # COSE
    sign_count: int
    aaguid: str
    backed_up: bool


@dataclass(frozen=True)
class Assertion:
    sign_count: int
    backed_up: bool


def relying_party(frontend_url: str) -> RelyingParty:
    """PasskeysNeedAName at an IP address: browsers take no such relying party."""
    parts = urlsplit(frontend_url)
    scheme, host = parts.scheme.lower(), (parts.hostname or "").lower()
    if not host or _is_ip_address(host):
        raise PasskeysNeedAName
    port = "" if parts.port in (None, _PORTS.get(scheme)) else f":{parts.port}"
    return RelyingParty(host, f"{scheme}://{host}{port}")


def _is_ip_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def new_challenge() -> str:
    """256 random bits in base64url."""
    return _text(token_bytes(_CHALLENGE_BYTES))


def registration_options(
    party: RelyingParty, challenge: str, user_id: str, user_name: str, display_name: str, have: Sequence[Known]
) -> dict[str, Any]:
    """For `navigator.credentials.create()`, in the JSON of the standard."""
    options = webauthn.generate_registration_options(
        rp_id=party.id,
        rp_name=RP_NAME,
        user_id=user_id.encode(),  # opaque, so it tells nothing about the person
        user_name=user_name,
        user_display_name=display_name,
        challenge=_bytes(challenge),
        timeout=_TIMEOUT_MS,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.PREFERRED, user_verification=UserVerificationRequirement.REQUIRED
        ),
        exclude_credentials=_descriptors(have),
    )
    return options_to_json_dict(options)


def authentication_options(party: RelyingParty, challenge: str, have: Sequence[Known] = ()) -> dict[str, Any]:
    """For `navigator.credentials.get()`. Without `have` the device offers what it knows: then nothing here depends on who asks."""
    options = webauthn.generate_authentication_options(
        rp_id=party.id,
        challenge=_bytes(challenge),
        timeout=_TIMEOUT_MS,
        allow_credentials=_descriptors(have),
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return options_to_json_dict(options)


def challenge_of(credential: Mapping[str, Any]) -> str | None:
    """The challenge that it claims to answer."""
    try:
        told = json.loads(_bytes(credential["response"]["clientDataJSON"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    challenge = told.get("challenge") if isinstance(told, dict) else None
    return challenge if isinstance(challenge, str) else None


def verify_registration(party: RelyingParty, challenge: str, credential: Mapping[str, Any]) -> NewPasskey:
    """PasskeyRefused unless a device made it for this party and this challenge, and verified its user."""
    try:
        _refuse_frames(credential)
        if parse_attestation_object(_bytes(credential["response"]["attestationObject"])).fmt not in _FORMATS:
            raise PasskeyRefused("attestation of a kind that was not asked for")
        verified = webauthn.verify_registration_response(
            credential=dict(credential),
            expected_challenge=_bytes(challenge),
            expected_rp_id=party.id,
            expected_origin=party.origin,
            require_user_verification=True,
        )
    except PasskeyRefused:
        raise
    except Exception as error:  # whatever a parser makes of hostile bytes: it is refused
        raise PasskeyRefused(UNPROVEN, f"{type(error).__name__}: {error}") from error
    if _text(verified.credential_id) != credential["id"]:
        raise PasskeyRefused("the device made another credential than it names")
    return NewPasskey(credential["id"], verified.credential_public_key, verified.sign_count, verified.aaguid, verified.credential_backed_up)


def verify_assertion(party: RelyingParty, challenge: str, credential: Mapping[str, Any], public_key: bytes) -> Assertion:
    """PasskeyRefused unless the holder of the key signed this challenge for this party, with the user verified. Whether the counter has grown is for
    the database to decide, since two may come at once."""
    try:
        _refuse_frames(credential)
        verified = webauthn.verify_authentication_response(
            credential=dict(credential),
            expected_challenge=_bytes(challenge),
            expected_rp_id=party.id,
            expected_origin=party.origin,
            credential_public_key=public_key,
            credential_current_sign_count=0,
            require_user_verification=True,
        )
    except PasskeyRefused:
        raise
    except Exception as error:  # whatever a parser makes of hostile bytes: it is refused
        raise PasskeyRefused(UNPROVEN, f"{type(error).__name__}: {error}") from error
    return Assertion(verified.new_sign_count, verified.credential_backed_up)


def user_handle_of(credential: Mapping[str, Any]) -> str | None:
    """Whose passkey the device says it is; None when it does not say."""
    handle = credential["response"].get("userHandle")
    if handle is None:
        return None
    try:
        return _bytes(handle).decode()
    except ValueError:
        return ""


def _refuse_frames(credential: Mapping[str, Any]) -> None:
    """Our pages never ask from inside another site's (section 13.4.9)."""
    told = json.loads(_bytes(credential["response"]["clientDataJSON"]))
    if told.get("crossOrigin") not in (None, False) or "topOrigin" in told:
        raise PasskeyRefused("asked from inside another site")


def _descriptors(have: Sequence[Known]) -> list[PublicKeyCredentialDescriptor]:
    names = {transport.value for transport in AuthenticatorTransport}
    return [
        PublicKeyCredentialDescriptor(id=_bytes(row.id), transports=[AuthenticatorTransport(name) for name in row.transports if name in names])
        for row in have
    ]


def _bytes(text: str) -> bytes:
    try:
        return urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except binascii.Error as error:
        raise ValueError("no base64url") from error


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()

"""Codes of an authenticator app (RFC 6238, by pyotp) and the recovery codes for the day on which it is lost."""

import hashlib
import secrets
from datetime import datetime
from hmac import compare_digest

import pyotp
import segno

from crypto_api.identity.strictness import asked

ISSUER = "Coffer"
STEP_S = 30
DIGITS = 6
RECOVERY_CODES = 10
_GROUPS, _GROUP = 7, 4
_GROUPS_BEFORE = 4
"""Of codes that were made before and were not used yet: 80 bits. They count until the person makes new ones."""
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford base 32: no i, l, o, u to misread
_MISREAD = str.maketrans({"o": "0", "i": "1", "l": "1"})


def new_secret() -> str:
    """160 random bits in base 32, as RFC 4226 advises."""
    return pyotp.random_base32(32)


def otpauth_uri(secret: str, account: str) -> str:
    """What an authenticator app reads out of the QR code."""
    return pyotp.TOTP(secret, digits=DIGITS, interval=STEP_S).provisioning_uri(name=account, issuer_name=ISSUER)


def qr_svg(uri: str) -> str:
    """A picture of it as a `data:` address, so that a page needs neither script nor a second request. Dark on white in any theme."""
    return str(segno.make(uri, error="m").svg_data_uri(scale=4, border=4, dark="#000", light="#fff"))


def step_at(moment: datetime) -> int:
    return int(moment.timestamp()) // STEP_S


def matching_step(secret: str, code: str, now: datetime) -> int | None:
    """The time step whose code it is; None when it is none of those that count now. Compares with all of them, in constant time."""
    totp, present, found = pyotp.TOTP(secret, digits=DIGITS, interval=STEP_S), step_at(now), None
    around = asked().code_steps_around
    for step in range(present - around, present + around + 1):
        if compare_digest(totp.generate_otp(step).encode(), code.encode()):
            found = step
    return found


def is_code(otp: str) -> bool:
    return len(otp) == DIGITS and otp.isascii() and otp.isdigit()


def is_recovery_code(otp: str) -> bool:
    return len(otp) in (_GROUPS * _GROUP, _GROUPS_BEFORE * _GROUP) and all(letter in _ALPHABET for letter in otp)


def folded(typed: str) -> str:
    """Without the spaces and dashes that people see, and what they misread put right. A code of digits stays what it is."""
    return "".join(typed.split()).replace("-", "").casefold().translate(_MISREAD)


def new_recovery_codes() -> list[str]:
    """`7h2k-9qsv-…`: 140 random bits each. ASVS 6.5.2 asks for 112 of a secret that is stored as a plain hash, 11.5.1 for 128 of any."""
    letters = [[secrets.choice(_ALPHABET) for _ in range(_GROUPS * _GROUP)] for _ in range(RECOVERY_CODES)]
    return ["-".join("".join(code[start : start + _GROUP]) for start in range(0, len(code), _GROUP)) for code in letters]


def hash_recovery_code(user_id: str, code: str) -> str:
    """What is stored of it. 140 random bits withstand guessing as they are; bound to the person, so that equal codes are not equal rows."""
    return hashlib.sha256(f"recovery|{user_id}|{folded(code)}".encode()).hexdigest()

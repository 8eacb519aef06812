"""Codes by RFC 6238 and the recovery codes beside them."""

from base64 import b32encode
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from crypto_api.identity import totp

RFC_SECRET = b32encode(b"12345678901234567890").decode()  # appendix B, SHA-1


@pytest.mark.parametrize(
    ("moment", "code"),
    [(59, "287082"), (1111111109, "081804"), (1111111111, "050471"), (1234567890, "005924"), (2000000000, "279037"), (20000000000, "353130")],
)
def test_the_vectors_of_the_rfc(moment: int, code: str) -> None:
    at = datetime.fromtimestamp(moment, UTC)
    assert totp.matching_step(RFC_SECRET, code, at) == moment // 30


def test_one_step_before_and_after_count_and_no_more() -> None:
    at = datetime(2026, 11, 21, 12, tzinfo=UTC)
    code_of = {steps: totp.pyotp.TOTP(RFC_SECRET).at(at + timedelta(seconds=30 * steps)) for steps in range(-3, 4)}
    found = {steps: totp.matching_step(RFC_SECRET, code, at) for steps, code in code_of.items()}
    present = totp.step_at(at)
    assert found == {-3: None, -2: None, -1: present - 1, 0: present, 1: present + 1, 2: None, 3: None}


@pytest.mark.parametrize("code", ["", "28708", "2870822", "28708²", "２８７０８２", "abcdef", "-87082", " 87082", "287082\x00", "28708é"])
def test_what_is_no_code_matches_nothing(code: str) -> None:
    assert not totp.is_code(code) or totp.matching_step(RFC_SECRET, code, datetime.fromtimestamp(59, UTC)) is None
    assert totp.matching_step(RFC_SECRET, code, datetime.fromtimestamp(59, UTC)) is None


def test_typed_with_spaces_and_misread_letters() -> None:
    assert totp.folded(" 287 082\n") == "287082"
    assert totp.folded("7H2K-9QSV-oilx-31TE") == "7h2k9qsv011x31te"


def test_recovery_codes_are_ten_different_ones_of_140_bits() -> None:
    codes = totp.new_recovery_codes()
    assert len(set(codes)) == 10
    assert all(totp.is_recovery_code(totp.folded(code)) and not totp.is_code(totp.folded(code)) for code in codes)
    assert all([len(group) for group in code.split("-")] == [4] * 7 for code in codes)
    letters = {letter for _ in range(40) for code in totp.new_recovery_codes() for letter in code}
    assert len(letters - {"-"}) == 32  # so each of 28 places holds five bits


def test_a_recovery_hash_is_of_one_person() -> None:
    code = totp.new_recovery_codes()[0]
    assert totp.hash_recovery_code("usr_a", code) == totp.hash_recovery_code("usr_a", code.upper().replace("-", " "))
    assert totp.hash_recovery_code("usr_a", code) != totp.hash_recovery_code("usr_b", code)


def test_the_address_for_the_app_and_its_picture() -> None:
    secret = totp.new_secret()
    assert len(secret) == 32
    uri = totp.otpauth_uri(secret, "ada+x@example.com")
    parts = urlsplit(uri)
    assert (parts.scheme, parts.netloc, unquote(parts.path)) == ("otpauth", "totp", "/Coffer:ada+x@example.com")
    assert {name: values[0] for name, values in parse_qs(parts.query).items()} == {"secret": secret, "issuer": "Coffer"}
    picture = totp.qr_svg(uri)
    assert picture.startswith("data:image/svg+xml")
    assert "script" not in picture

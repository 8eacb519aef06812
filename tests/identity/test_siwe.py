"""EIP-4361: the text, the signature of a key, the question to a contract wallet."""

import asyncio
from datetime import UTC, datetime

import pytest
from eth_abi import encode
from eth_utils import keccak

from crypto_api.identity import siwe
from crypto_api.identity.siwe import Site, Text, site_of
from tests.factories.signatures import BAD, bad_signature, new_key, signature_of

KEY = new_key(1)
NONCE = "0123456789abcdef0123456789abcdef"
TEXT = Text(KEY.address, "Sign in to Coffer.", 1, NONCE, datetime(2026, 11, 21, 9, 30, tzinfo=UTC), datetime(2026, 11, 21, 9, 35, tzinfo=UTC))
MESSAGE = siwe.compose(site_of("https://coffer.example.com"), TEXT)


def test_the_text_is_that_of_the_standard() -> None:
    message = MESSAGE
    assert message == (
        "coffer.example.com wants you to sign in with your Ethereum account:\n"
        f"{KEY.address}\n"
        "\n"
        "Sign in to Coffer.\n"
        "\n"
        "URI: https://coffer.example.com/\n"
        "Version: 1\n"
        "Chain ID: 1\n"
        f"Nonce: {NONCE}\n"
        "Issued At: 2026-11-21T09:30:00Z\n"
        "Expiration Time: 2026-11-21T09:35:00Z"
    )


@pytest.mark.parametrize(
    ("frontend_url", "site"),
    [
        ("https://coffer.example.com", Site("coffer.example.com", "https://coffer.example.com/")),
        ("https://Coffer.Example.com:8443/app/", Site("coffer.example.com:8443", "https://coffer.example.com:8443/")),
        ("http://localhost:8000", Site("http://localhost:8000", "http://localhost:8000/")),
        ("http://user:word@localhost:8000", Site("http://localhost:8000", "http://localhost:8000/")),
    ],
)
def test_who_asks(frontend_url: str, site: Site) -> None:
    assert site_of(frontend_url) == site


@pytest.mark.parametrize(
    "message",
    [
        "",
        MESSAGE.replace(NONCE, NONCE.upper()),
        MESSAGE.replace(NONCE, NONCE[:-1]),
        MESSAGE.replace(NONCE, NONCE + "0"),
        MESSAGE.replace("Nonce:", "nonce:"),
        MESSAGE.replace("Nonce: ", "Nonce:  "),
        MESSAGE.replace("\n", "\r\n"),
        MESSAGE.replace(f"Nonce: {NONCE}\n", ""),
        MESSAGE.replace("0123", "０123"),
        f"{MESSAGE}\nNonce: {'f' * 32}\n",
        f"Nonce: {NONCE}",
    ],
)
def test_a_nonce_that_is_not_one_of_ours_is_none(message: str) -> None:
    assert siwe.nonce_of(message) is None


def test_our_own_nonce_is_found() -> None:
    assert siwe.nonce_of(MESSAGE) == NONCE


def test_texts_are_the_same_byte_for_byte_only() -> None:
    assert siwe.same(MESSAGE, MESSAGE)
    others = [MESSAGE + "\n", " " + MESSAGE, MESSAGE.replace("Coffer", "Cofferr"), MESSAGE.replace("o", "о"), MESSAGE + "\ud800", ""]
    assert not any(siwe.same(MESSAGE, other) for other in others)


@pytest.mark.parametrize("v", [0, 1, 27, 28])
def test_both_ways_to_write_v(v: int) -> None:
    signature = signature_of(MESSAGE, KEY)
    right = signature[64] in (v, v + 27)
    assert siwe.signed_by_key(MESSAGE, signature[:64] + bytes([v]), KEY.address) is right


def test_the_address_may_be_written_either_way() -> None:
    assert siwe.signed_by_key(MESSAGE, signature_of(MESSAGE, KEY), KEY.address.lower())


@pytest.mark.parametrize("name", BAD)
def test_a_signature_that_is_not_the_one_is_refused(name: str) -> None:
    assert siwe.signed_by_key(MESSAGE, signature_of(MESSAGE, KEY), KEY.address)
    assert not siwe.signed_by_key(MESSAGE, bad_signature(name, MESSAGE, KEY), KEY.address)
    assert not siwe.signed_by_key(MESSAGE, b"", KEY.address)


@pytest.mark.parametrize("text", ["", "0x", "1b2c", "0xabc", "0xzz", "0x" + "00" * 4_097, "0X00", " 0x00", "0x00\n", "0x٠٠"])
def test_what_is_no_hexadecimal_is_no_signature(text: str) -> None:
    assert siwe.signature_bytes(text) is None


class Contract:
    """A node whose contract answers this."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer
        self.asked: list[tuple[str, str]] = []

    async def call(self, to: str, data: str, block_hash: str | None = None, *, gas: int | None = None) -> bytes:
        self.asked.append((to, data))
        return self.answer


@pytest.mark.parametrize("length", [0, 1, 31, 32, 33, 65, 130, 4_096])
def test_the_question_is_that_of_the_abi(length: int) -> None:
    contract, signature = Contract(b""), bytes(range(256)) * 16
    asyncio.run(siwe.signed_by_contract(contract, MESSAGE, signature[:length], KEY.address))
    hashed = keccak(b"\x19Ethereum Signed Message:\n" + str(len(MESSAGE)).encode() + MESSAGE.encode())
    assert contract.asked == [(KEY.address, "0x1626ba7e" + encode(["bytes32", "bytes"], [hashed, signature[:length]]).hex())]


@pytest.mark.parametrize(
    ("answer", "valid"),
    [
        (bytes.fromhex("1626ba7e") + bytes(28), True),
        (b"", False),
        (bytes.fromhex("1626ba7e"), False),
        (bytes(28) + bytes.fromhex("1626ba7e"), False),
        (bytes.fromhex("1626ba7e") + bytes(27) + b"\x01", False),
        (bytes.fromhex("1626ba7e") + bytes(60), False),
        (bytes.fromhex("ffffffff") + bytes(28), False),
        (bytes(31) + b"\x01", False),
        (b"\xff" * 32, False),
        (bytes.fromhex("20c13b0b") + bytes(28), False),  # of the draft with bytes in place of a hash
    ],
)
def test_the_one_answer_that_counts(answer: bytes, valid: bool) -> None:
    assert asyncio.run(siwe.signed_by_contract(Contract(answer), MESSAGE, b"\x01", KEY.address)) is valid

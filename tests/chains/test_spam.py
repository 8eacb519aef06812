"""What strangers do to be taken for somebody else, and what must never be called spam."""

import time

import pytest

from crypto_api.chains.spam import look_alike_of, skeleton, spam_reason

LISTED = frozenset({"ETH", "WETH", "USDC", "DAI", "LINK", "WBTC", "USDT"})
KNOWN = frozenset({"0xAbCd000000000000000000000000000000001234"})
POISON = "0xabcd999999999999999999999999999999991234"
STRANGER = "0x9999999999999999999999999999999999999999"


def reason(**changed: object) -> str | None:
    facts: dict[str, object] = {
        "listed": False, "symbol": "PEPE", "name": "Pepe", "raw_amount": 1, "incoming": True, "sent_by_us": False,
        "listed_symbols": LISTED, "counterparty": STRANGER, "known_addresses": KNOWN,
    }  # fmt: skip
    return spam_reason(**{**facts, **changed})  # type: ignore[arg-type]


LOOK_ALIKES = [
    ("U\u0405DC", "USDC"),  # Cyrillic dze
    ("USD\u0421", "USDC"),  # Cyrillic es
    ("\u0415\u0422\u041d", "ETH"),  # all Cyrillic
    ("\u0395\u03a4\u0397", "ETH"),  # all Greek
    ("\u054dSDC", "USDC"),  # Armenian se
    ("\u13a0\u13aa\u13c6", "DAI"),  # all Cherokee
    ("\ua4f4SDC", "USDC"),  # Lisu
    ("USDC", "USDC"),  # the very name, another contract
    ("usdc", "USDC"),
    ("U5DC", "USDC"),
    ("U$DC", "USDC"),
    ("DA1", "DAI"),
    ("DAl", "DAI"),
    ("DA|", "DAI"),
    ("LlNK", "LINK"),
    ("1INK", "LINK"),
    ("VVETH", "WETH"),
    ("W8TC", "WBTC"),
    ("USD\u20ae", "USDT"),
    ("\u200bUSDC", "USDC"),  # zero-width space
    ("US\u200dDC", "USDC"),  # zero-width joiner
    ("\u202eUSDC", "USDC"),  # bidi override
    ("US\u00adDC", "USDC"),  # soft hyphen
    ("U S D C", "USDC"),
    ("\u00a0USDC", "USDC"),
    ("\uff35\uff33\uff24\uff23", "USDC"),  # full width
    ("\U0001d414\U0001d412\U0001d403\U0001d402", "USDC"),  # mathematical bold
    ("\u24ca\u24c8\u24b9\u24b8", "USDC"),  # circled
    ("\U0001f164\U0001f162\U0001f153\U0001f152", "USDC"),  # negative circled
    ("\u1d1c\ua731\u1d05\u1d04", "USDC"),  # small capitals
    ("\u00dcSDC", "USDC"),  # umlaut
    ("U\u0301S\u0301D\u0301C", "USDC"),  # combining accents
    ("\u0110AI", "DAI"),  # stroke
    ("PEPE", None),
    ("USDCX", None),
    ("SDC", None),
    ("", None),
]


@pytest.mark.parametrize(("symbol", "meant"), LOOK_ALIKES)
def test_a_symbol_that_reads_as_a_listed_one_is_spam_even_when_we_sent_for_it(symbol: str, meant: str | None) -> None:
    found = reason(symbol=symbol, sent_by_us=True)
    assert found == (f"Its symbol reads as {meant}, but it is another contract." if meant else None)


def test_every_listed_symbol_has_its_own_shape() -> None:
    assert len({skeleton(symbol) for symbol in LISTED}) == len(LISTED)


@pytest.mark.parametrize("counterparty", [STRANGER, POISON])
@pytest.mark.parametrize("sent_by_us", [True, False])
@pytest.mark.parametrize("incoming", [True, False])
def test_an_amount_of_a_listed_token_is_never_spam_since_the_balance_really_changed(counterparty: str, sent_by_us: bool, incoming: bool) -> None:
    assert reason(listed=True, symbol="USDC", counterparty=counterparty, sent_by_us=sent_by_us, incoming=incoming) is None


@pytest.mark.parametrize("listed", [True, False])
def test_a_transfer_of_nothing_that_we_did_not_send_is_poisoning(listed: bool) -> None:
    assert "address poisoning" in str(reason(listed=listed, symbol="USDC", raw_amount=0, incoming=False))
    assert "only looks like" in str(reason(listed=listed, symbol="USDC", raw_amount=0, counterparty=POISON))
    assert reason(listed=listed, symbol="USDC", raw_amount=0, sent_by_us=True) is None


def test_an_unlisted_token_is_spam_unless_we_sent_for_it() -> None:
    assert reason() == "A token that is not listed came unasked."
    assert "did not send" in str(reason(incoming=False))
    assert reason(sent_by_us=True) is None


@pytest.mark.parametrize(
    "name",
    [
        "\U0001f381 claim your reward at usdc-bonus.example",
        "visit https://x",
        "WWW.GIFT",
        "t.me/gift",
        "gift\u200b.com",
        "gift .com",
        "\uff47ift\uff0ecom",
    ],
)
def test_a_link_in_a_name_or_symbol_is_bait(name: str) -> None:
    assert "link" in str(reason(name=name, sent_by_us=True))
    assert "link" in str(reason(symbol=name, sent_by_us=True))


@pytest.mark.parametrize("name", ["Pepe", "Wrapped Ether v2.0", "1.5x Long", "A. B.", ""])
def test_an_ordinary_name_carries_no_link(name: str) -> None:
    assert reason(name=name, sent_by_us=True) is None


def test_a_look_alike_address_is_found_and_a_known_one_in_other_letters_is_not() -> None:
    assert look_alike_of(POISON, KNOWN) == "0xAbCd000000000000000000000000000000001234"
    assert look_alike_of("0xabcd000000000000000000000000000000001234", KNOWN) is None
    assert look_alike_of(STRANGER, KNOWN) is None
    assert "address poisoning" in str(reason(counterparty=POISON, sent_by_us=True))


def test_a_megabyte_of_anything_is_judged_quickly() -> None:
    started = time.process_time()
    for text in ("a." * 500_000, "a" * 1_000_000, "\u202e" * 1_000_000, "a-" * 500_000, " . " * 300_000):
        reason(name=text, symbol=text)
    assert time.process_time() - started < 1

"""Feeds on chain as they really answer: the bytes of Chainlink's AggregatorV3Interface, read at one block, and whatever else a contract may say."""

import pytest
from eth_abi.abi import encode

from crypto_api.adapters.price_feed import ChainFeedReader
from crypto_api.kit.rates import FeedRound

FEED, BLOCK = "0x" + "f1" * 20, "0x" + "ab" * 32
DECIMALS, LATEST = "0x313ce567", "0xfeaf968c"
ROUND = ["uint80", "int256", "uint256", "uint256", "uint80"]
EIGHT = encode(["uint8"], [8])


class Contract:
    """What it answers by selector; what it was asked, and at which block."""

    def __init__(self, latest: bytes, decimals: bytes = EIGHT) -> None:
        self.answers, self.asked = {DECIMALS: decimals, LATEST: latest}, list[tuple[str, str, str | None]]()

    async def call(self, to: str, data: str, block_hash: str | None = None) -> bytes:
        self.asked.append((to, data, block_hash))
        return self.answers[data]


def told(answer: int, round_id: int = 110680464442257320164, updated_at: int = 1_795_802_000, answered_in: int | None = None) -> bytes:
    return encode(ROUND, [round_id, answer, updated_at - 9, updated_at, round_id if answered_in is None else answered_in])


async def test_a_round_is_read_at_the_block_and_its_decimals_once() -> None:
    contract = Contract(told(3120_45000000))
    reader = ChainFeedReader({"local": contract})
    for _ in range(2):
        assert await reader.read_feed("local", FEED, BLOCK) == FeedRound(
            3120_45000000, 8, 1_795_802_000, 110680464442257320164, 110680464442257320164
        )
    assert contract.asked == [(FEED, DECIMALS, BLOCK), (FEED, LATEST, BLOCK), (FEED, LATEST, BLOCK)]


async def test_what_is_below_zero_or_of_an_earlier_round_is_read_as_it_is_said() -> None:
    """Whether it is believed is for the rules, which see it whole."""
    read = await ChainFeedReader({"local": Contract(told(-1, round_id=9, answered_in=8))}).read_feed("local", FEED, BLOCK)
    assert read == FeedRound(-1, 8, 1_795_802_000, 9, 8)
    read = await ChainFeedReader({"local": Contract(told(1), decimals=encode(["uint256"], [2**200]))}).read_feed("local", FEED, BLOCK)
    assert read is not None and read.decimals == 2**200


@pytest.mark.parametrize(
    ("latest", "decimals"),
    [
        (b"", b""),  # there is no contract
        (told(1), EIGHT[:31]),
        (told(1), EIGHT * 2),
        (b"", EIGHT),
        (told(1)[:-1], EIGHT),
        (encode(["uint256"], [3120]), EIGHT),
        (b"\xff" * 160, EIGHT),  # a round's number that is wider than one is
    ],
)
async def test_what_is_no_feed_is_none(latest: bytes, decimals: bytes) -> None:
    contract = Contract(latest, decimals)
    reader = ChainFeedReader({"local": contract})
    assert await reader.read_feed("local", FEED, BLOCK) is None
    contract.answers = {DECIMALS: EIGHT, LATEST: told(5)}
    later = await reader.read_feed("local", FEED, BLOCK)
    assert later is not None and (later.answer, later.decimals) == (5, 8), "one that appears later is read then"

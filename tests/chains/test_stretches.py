"""How much is taken at once, and which headers are kept of it. What is read ahead is driven by the simulator."""

import pytest
from eth_utils.address import to_checksum_address

from crypto_api.chains import rules
from crypto_api.chains.stretches import BLOCKS_LEAST, BLOCKS_MOST, Pace
from crypto_api.kit.ethereum import BlockHeader, checksummed


def headers(first: int, last: int) -> list[BlockHeader]:
    return [BlockHeader(number, f"h{number}", f"h{number - 1}", number) for number in range(first, last + 1)]


def test_the_pace_grows_while_it_is_quick_and_falls_where_it_takes_long() -> None:
    pace = Pace()
    for _ in range(10):
        pace.took(rows=0, took_s=0.1)
    assert pace.blocks == BLOCKS_MOST
    pace.took(rows=600, took_s=0.1)
    pace.took(rows=0, took_s=2.0)
    assert pace.blocks == BLOCKS_MOST, "between the bounds it stays"
    pace.took(rows=5_000, took_s=0.1)
    assert pace.blocks == BLOCKS_MOST // 2
    for _ in range(10):
        pace.took(rows=0, took_s=30.0)
    assert pace.blocks == BLOCKS_LEAST


@pytest.mark.parametrize(
    ("first", "last", "head", "lowest"),
    [
        (1_000, 1_255, 90_000, 1_128),  # far behind: as deep as a reorganisation reaches, twice
        (1_000, 1_100, 90_000, 1_000),  # a short stretch: all of it
        (1_000, 1_255, 1_300, 1_045),  # near the head: the whole window
        (1_000, 1_255, 1_255, 1_000),  # at the head
        (1_000, 1_000, 900, 1_000),  # the provider's head has gone back
    ],
)
def test_headers_are_kept_as_deep_as_anybody_asks_for_them(first: int, last: int, head: int, lowest: int) -> None:
    kept = rules.kept(headers(first, last), head, window=256, depth=128)
    assert [header.number for header in kept] == list(range(lowest, last + 1))


@pytest.mark.parametrize(("final", "lowest"), [(900, 1_000), (1_010, 1_010), (1_200, 1_128), (5_000, 1_128), (None, 1_128)])
def test_what_may_be_called_final_next_is_kept(final: int | None, lowest: int) -> None:
    """A network may call final what lies far deeper than the window: the block that it names is looked up then."""
    kept = rules.kept(headers(1_000, 1_255), 90_000, window=256, depth=128, final=final)
    assert kept[0].number == lowest


def test_an_address_has_its_checksum() -> None:
    for number in range(200):
        address = f"0x{number * 0x9E3779B97F4A7C15F39CC0605CEDC834 % 2**160:040x}"
        assert checksummed(address) == checksummed(address.upper().replace("0X", "0x")) == to_checksum_address(address)
    for wrong in ("", "0x", "0x12", "0x" + "g" * 40, "ab" * 21):
        with pytest.raises(ValueError, match="hexadecimal"):
            checksummed(wrong)

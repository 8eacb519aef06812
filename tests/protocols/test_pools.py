"""What pools tell: verified where nobody else could stand at their address, never guessed, never an error."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_api.kit.ethereum import WireLog, checksummed
from crypto_api.protocols import exchanges, uniswap
from crypto_api.protocols.pools import created_with
from crypto_api.protocols.reading import ACTIONS_MAX, PLUGINS, actions_of
from crypto_api.protocols.signatures import Event, Function
from crypto_api.protocols.types import Action, ActionKind
from crypto_api.protocols.uniswap import V2_SWAP, V3_SWAP
from tests.protocols.making import HASH, ROUTER, STRANGER, USDC, USER, WETH, glance, told, topic, transfer

PAIR = "0xb4e16d0168e52d35cacd2c6185b44281ec28c9dc"  # Uniswap v2, USDC and WETH, on Ethereum
POOL = "0x88e6a0c2ddd26feeb64f039a2c41296fcb3f5640"  # Uniswap v3, the same, 0.05 %
SALT = created_with("0x" + "00" * 20, bytes(32), "0xbc36789e7a1e281436464229828f817d6612f7b477d66591ff96a9e064bcc98a")


def legs(action: Action) -> tuple[list[tuple[str | None, str | None]], list[tuple[str | None, str | None]]]:
    return [(part.contract, part.raw_amount) for part in action.gives], [(part.contract, part.raw_amount) for part in action.takes]


def v2_swap(pool: str = PAIR, at: int = 3, amounts: tuple[int, int, int, int] = (2000, 0, 0, 7)) -> list[WireLog]:
    return [
        transfer(at - 3, USDC, USER, pool, 2000),
        transfer(at - 2, WETH, pool, USER, 7),
        told(at, pool, V2_SWAP, ROUTER, *amounts, USER),
    ]


def test_topics_and_selectors_are_those_that_everybody_knows() -> None:
    assert V2_SWAP.topic == "0xd78ad95fa46c994b6551d0da85fc275fe613ce37657fb8d5e3d130840159d822"
    assert V3_SWAP.topic == "0xc42079f94a6350d7e6235f29174924f928cc2ac818eb64fed8004e115fbcca67"
    assert Function("transfer(address to, uint256 value)").selector == "0xa9059cbb"
    assert SALT == "0x4d1a2e2bb4f88f0250f26ffff098b0b30b26bf38", "the first example of EIP-1014 with its code"


def test_a_pair_is_verified_where_its_factory_puts_it() -> None:
    (action,), more = actions_of(glance(*v2_swap()))
    assert (action.kind, action.protocol, action.verified, action.note, more) == (ActionKind.SWAP, "Uniswap v2", True, "", 0)
    assert legs(action) == ([(checksummed(USDC), "2000")], [(checksummed(WETH), "7")])
    assert action.evidence == (3,)


def test_a_pool_of_the_third_version_tells_by_signs() -> None:
    logs = [transfer(0, WETH, POOL, USER, 7), transfer(1, USDC, USER, POOL, 2000), told(2, POOL, V3_SWAP, ROUTER, USER, 2000, -7, 1, 1, -5)]
    (action,), _ = actions_of(glance(*logs))
    assert (action.protocol, action.verified) == ("Uniswap v3", True)
    assert legs(action) == ([(checksummed(USDC), "2000")], [(checksummed(WETH), "7")])


@pytest.mark.parametrize("chain_id", [1, 31337])
def test_who_only_speaks_like_one_is_said_to(chain_id: int) -> None:
    """Another address on the same network, and the right address on another one."""
    (action,), _ = actions_of(glance(*v2_swap(STRANGER if chain_id == 1 else PAIR), chain_id=chain_id))
    assert (action.protocol, action.verified) == ("shaped like Uniswap v2", False)
    assert "not verified" in action.note


def test_through_two_pools_it_is_one_swap() -> None:
    dai = "0x6b175474e89094c44da98b954eedeac495271d0f"
    second = [
        transfer(4, WETH, PAIR, STRANGER, 7),
        transfer(5, dai, STRANGER, USER, 1990),
        told(6, STRANGER, V2_SWAP, ROUTER, 0, 7, 1990, 0, USER),
    ]
    (action,), _ = actions_of(glance(*v2_swap(), *second))
    assert legs(action) == ([(checksummed(USDC), "2000")], [(checksummed(dai), "1990")])
    assert (action.verified, action.evidence) == (False, (3, 6)), "one of the two is nobody's"


@pytest.mark.parametrize(
    ("logs", "why"),
    [
        ([v2_swap()[2]], "no transfer at all"),
        ([*v2_swap()[1:], transfer(1, USDC, USER, PAIR, 1999)], "another amount went in"),
        ([*v2_swap(), transfer(2, "0x" + "d0" * 20, USER, PAIR, 2000)], "two tokens of that amount went in"),
        ([transfer(0, USDC, USER, PAIR, 2000), transfer(1, USDC, PAIR, USER, 2000), told(2, PAIR, V2_SWAP, ROUTER, 2000, 0, 0, 2000, USER)], "one"),
    ],
)
def test_tokens_that_are_not_told_are_not_guessed(logs: list[WireLog], why: str) -> None:
    (action,), _ = actions_of(glance(*logs))
    assert (action.gives, action.takes, action.verified) == ((), (), False), why


@pytest.mark.parametrize("amounts", [(0, 0, 0, 7), (2000, 5, 0, 7), (2000, 0, 3, 7), (0, 0, 0, 0)])
def test_what_is_not_one_in_and_one_out_is_no_swap_that_is_told(amounts: tuple[int, int, int, int]) -> None:
    assert actions_of(glance(*v2_swap(amounts=amounts)))[0] == []


def test_a_row_is_bounded() -> None:
    logs = [row for place in range(60) for row in v2_swap("0x" + f"{place + 1:040x}", at=10 * place + 5)[2:]]
    found, more = actions_of(glance(*logs))
    assert (len(found), more) == (ACTIONS_MAX, 60 - ACTIONS_MAX)


_WORDS = st.one_of(st.just("0" * 64), st.just("f" * 64), st.integers(0, 2**256 - 1).map(lambda number: f"{number:064x}"))
_KNOWN = sorted({known for plugin in PLUGINS for known in plugin.topics or uniswap.TOPICS | exchanges.HOP_TOPICS | exchanges.COW_TOPICS})
_LOGS = st.builds(
    lambda at, contract, first, others, words, tail: WireLog(
        contract, (first, *("0x" + word for word in others)), "0x" + "".join(words) + tail, HASH, at
    ),
    st.integers(0, 50),
    st.sampled_from([PAIR, POOL, WETH, USDC, STRANGER]),
    st.sampled_from([*_KNOWN, topic(1)]),
    st.lists(_WORDS, max_size=3),
    st.lists(_WORDS, max_size=8),
    st.sampled_from(["", "00", "ff" * 31]),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(_LOGS, max_size=8), st.binary(max_size=300))
def test_whatever_strangers_write_nothing_fails(logs: list[WireLog], call: bytes) -> None:
    for recipient in (None, PAIR, WETH):
        found, _ = actions_of(glance(*logs, recipient=recipient, call="0x" + call.hex()))
        assert all(int(part.raw_amount or 0) >= 0 for action in found for part in (*action.gives, *action.takes))


def test_an_event_is_read_to_the_last_bit_or_not_at_all() -> None:
    event = Event("Told(address indexed who, uint8 small, bool yes, int24 signed, bytes4 four)")
    good = told(0, PAIR, event, USER, 255, True, -1, b"abcd")
    assert event.read(good) == (USER, 255, True, -1, "0x" + b"abcd".hex())
    words = [good.data[2 + 64 * place : 66 + 64 * place] for place in range(4)]
    for place, wrong in ((0, f"{256:064x}"), (1, f"{2:064x}"), (2, f"{2**24:064x}"), (3, words[3][:-1] + "1")):
        data = "0x" + "".join(wrong if index == place else word for index, word in enumerate(words))
        assert event.read(WireLog(PAIR, good.topics, data, HASH, 0)) is None, place
    assert event.read(WireLog(PAIR, good.topics, good.data + "00", HASH, 0)) is None
    assert event.read(WireLog(PAIR, (good.topics[0], "0x" + "f" * 64), good.data, HASH, 0)) is None
    assert event.read(WireLog(PAIR, good.topics[:1], good.data, HASH, 0)) is None

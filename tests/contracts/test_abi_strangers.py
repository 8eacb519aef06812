"""ABIs and answers that nobody wrote by hand: each is understood, or refused by the one error that says so, and never keeps the reader busy."""

import json
import time
from typing import Any

from eth_abi.abi import encode
from hypothesis import example, given
from hypothesis import strategies as st

from crypto_api.contracts.abi import Abi, parse_abi
from crypto_api.kit.abi_values import Parameter, Unreadable, decoded
from crypto_api.kit.errors import InvalidInput

WORDS = st.sampled_from(
    [
        *("function", "event", "error", "constructor", "receive", "view", "payable"),
        *("uint256", "int8", "bytes", "bytes32", "string", "tuple", "tuple[]", "uint8[3][]", "f", ""),
    ]
)
KEYS = st.sampled_from(["type", "name", "inputs", "outputs", "components", "stateMutability", "internalType", "constant", "payable", "abi"])
JSON = st.recursive(
    WORDS | st.text(max_size=6) | st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False),
    lambda parts: st.lists(parts, max_size=4) | st.dictionaries(KEYS | st.text(max_size=4), parts, max_size=5),
    max_leaves=25,
)


@given(st.text(max_size=80) | JSON.map(json.dumps) | st.lists(st.dictionaries(KEYS, JSON, max_size=6), max_size=4).map(json.dumps))
@example('[{"type":"function","name":"f","stateMutability":["view"]}]')
@example('[{"type":"function","name":"f","stateMutability":{"a":1}}]')
@example('[{"type":["function"],"name":"f"}]')
@example('[{"type":"constructor","inputs":{}}]')
@example('{"abi":[{"type":"error","name":"E","inputs":null}]}')
@example("[" * 5_000)
@example("\ud800")
def test_any_text_is_an_abi_or_refused_by_its_place(text: str) -> None:
    try:
        abi = parse_abi(text)
    except InvalidInput as refused:
        assert all(error.field.split(".")[0] == "abi" for error in refused.errors)
        return
    assert isinstance(abi, Abi)
    for entry in abi.entries:
        assert entry.signature.startswith(f"{entry.name}(")


ELEMENTS = st.sampled_from(["uint256", "uint8", "int128", "bool", "address", "bytes4", "bytes32", "bytes", "string"])
DIMENSIONS = st.lists(st.sampled_from(["", "[]", "[2]"]), max_size=2).map("".join)


@st.composite
def parameters(draw: st.DrawFn, depth: int = 0) -> dict[str, Any]:
    if depth < 2 and draw(st.integers(0, 3)) == 0:
        parts = draw(st.lists(parameters(depth + 1), min_size=1, max_size=3))
        return {"name": "", "type": "tuple" + draw(DIMENSIONS), "components": parts}
    return {"name": "", "type": draw(ELEMENTS) + draw(DIMENSIONS)}


def outputs_of(rows: list[dict[str, Any]]) -> tuple[Parameter, ...]:
    return parse_abi(json.dumps([{"type": "function", "name": "f", "inputs": [], "outputs": rows}])).functions[0].outputs


OFFSETS = st.lists(st.integers(0, 700), max_size=24).map(lambda words: b"".join(word.to_bytes(32) for word in words))


@given(st.lists(parameters(), min_size=1, max_size=3), st.binary(max_size=700) | OFFSETS)
def test_any_answer_is_read_or_unreadable_and_soon(rows: list[dict[str, Any]], answer: bytes) -> None:
    outputs, started = outputs_of(rows), time.process_time()
    try:
        found = decoded(outputs, answer)
    except Unreadable as unreadable:
        assert str(unreadable)
    else:
        assert len(found) == len(outputs)
        json.dumps(found)
    assert time.process_time() - started < 5, "of the processor; a thousand times what it takes"


@given(st.lists(st.integers(0, 2**256 - 1), max_size=5), st.binary(max_size=70), st.integers(0, 400), st.integers(0, 255))
def test_a_good_answer_with_one_other_byte_is_read_or_unreadable(numbers: list[int], data: bytes, place: int, value: int) -> None:
    outputs = outputs_of([{"name": "", "type": kind} for kind in ("uint256[]", "bytes", "bool")])
    answer = bytearray(encode(["uint256[]", "bytes", "bool"], [numbers, data, True]))
    assert decoded(outputs, bytes(answer)) == [[str(number) for number in numbers], "0x" + data.hex(), True]
    answer[place % len(answer)] = value
    try:
        found = decoded(outputs, bytes(answer))
    except Unreadable:
        return
    assert isinstance(found[2], bool) and all(0 <= int(number) < 2**256 for number in found[0])

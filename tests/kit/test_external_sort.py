"""More rows than memory holds come out in their order, each once, whatever they are."""

import random

import pytest

from crypto_api.kit.external_sort import ExternalSort


@pytest.mark.parametrize("in_memory", [1, 2, 7, 1000])
def test_rows_come_out_in_their_order(in_memory: int) -> None:
    rows = [(number, f"key {random.Random(number).random()}\n", 10**70 + number, None, {"näh": [True]}) for number in range(40)]
    with ExternalSort(1, in_memory) as found:
        found.add(rows[:15])
        found.add(iter(rows[15:]))
        assert list(found) == sorted(rows, key=lambda row: row[1])
    with ExternalSort(0, in_memory) as nothing:
        assert list(nothing) == []

"""Histories of one asset, made from a number: the same for whoever asks again. Imports nothing of the product, so that the recorder, which runs where
only rp2 is installed, makes the same ones."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

START = datetime(2016, 1, 1, tzinfo=UTC)
COUNT = 1000


class Trade(NamedTuple):
    """Price and fee in money. Sold is never more than is held, and no two are at one time: of those rp2 has its own order."""

    buy: bool
    at: datetime
    quantity: Decimal
    price: Decimal
    fee: Decimal


def history(number: int) -> list[Trade]:
    chance = random.Random(number)
    held, at, trades = Decimal(0), START, []
    places = chance.choice((0, 2, 8))
    prices = [
        Decimal(chance.randrange(1, 500_000)).scaleb(-2) for _ in range(chance.choice((1, 3, 40)))
    ]  # few of them, so that lots have equal prices
    for _ in range(chance.randrange(2, 26)):
        at += timedelta(seconds=chance.choice((1, 3_600, 86_400, 2_000_000, 31_536_000)) + chance.randrange(3_600))
        buy = not held or chance.random() < 0.5
        most = 10 ** (places + 2) if buy else int(held.scaleb(places))
        quantity = Decimal(chance.randrange(1, most + 1)).scaleb(-places)
        if not buy and chance.random() < 0.2:
            quantity = held
        fee = min(Decimal(chance.randrange(0, 300)).scaleb(-2), quantity * prices[0] / 2).quantize(Decimal("0.01"))
        trades.append(Trade(buy, at, quantity, chance.choice(prices), fee))
        held += quantity if buy else -quantity
    return trades

"""The coin into its wrapped form and back (WETH9, and what other networks have in its place)."""

from collections.abc import Iterator

from crypto_api.kit.ethereum import checksummed
from crypto_api.protocols.glance import Glance
from crypto_api.protocols.signatures import Event
from crypto_api.protocols.types import Action, ActionKind, Portion

DEPOSIT = Event("Deposit(address indexed dst, uint256 wad)")
WITHDRAWAL = Event("Withdrawal(address indexed src, uint256 wad)")
TOPICS = frozenset({DEPOSIT.topic, WITHDRAWAL.topic})


def actions(glance: Glance) -> Iterator[Action]:
    """Of the network's own wrapper alone, and for those that a transaction is about: what a router changes on its way is part of something else."""
    for row in (*glance.by_topic.get(DEPOSIT.topic, ()), *glance.by_topic.get(WITHDRAWAL.topic, ())):
        deposit = row.topics[0] == DEPOSIT.topic
        told = (DEPOSIT if deposit else WITHDRAWAL).read(row)
        if told is None or row.address != glance.wrapped or told[0] not in glance.about:
            continue
        owner, raw = told
        coin, form = Portion(contract=None, raw_amount=str(raw)), Portion(contract=checksummed(row.address), raw_amount=str(raw))
        yield Action(
            kind=ActionKind.WRAP if deposit else ActionKind.UNWRAP,
            protocol="Wrapped coin",
            verified=True,
            contract=checksummed(row.address),
            account=checksummed(owner),
            gives=(coin if deposit else form,),
            takes=(form if deposit else coin,),
            evidence=(row.log_index,),
        )

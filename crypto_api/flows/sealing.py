"""Sealing after the commit, the same for every chain: writers only mark what they wrote as waiting, one worker makes the links.

Were a record sealed in its own unit of work, all writers of an organisation would meet at the end of its chain. Two workers beside each other do no
harm: the number of a link is unique, and whoever comes second rolls back and looks again. What slow units of work commit later is sealed later, and
nothing is left out, for what waits is marked in the unit of work that wrote it.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable

from pymongo.errors import DuplicateKeyError

from crypto_api.kit.log import security
from crypto_api.kit.seals import Head
from mongodb_config.unit_of_work import Session, UnitOfWork

Seal = Callable[[Session, str, list[str]], Awaitable[tuple[int, Head]]]
"""Called with the organisation and the ids that wait: makes the links of those that still do; how many, and the new head."""


async def seal_waiting(uow: UnitOfWork, waiting: Iterable[tuple[str, str]], seal: Seal, event: str) -> int:
    """`waiting`: (organisation, record). How many were sealed."""
    found: dict[str, list[str]] = defaultdict(list)
    for org_id, record_id in waiting:
        found[org_id].append(record_id)
    sealed = 0
    for org_id, record_ids in found.items():
        try:
            count, head = await uow.run(lambda session, org=org_id, ids=record_ids: seal(session, org, ids))  # type: ignore[misc]
        except DuplicateKeyError:  # another was faster; the next pass looks again
            continue
        if count:
            # outside the database on purpose: a chain that was rewritten as a whole no longer agrees with this
            security.info(event, org_id=org_id, seq=head.seq, hash=head.hash)
        sealed += count
    return sealed

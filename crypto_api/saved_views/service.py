"""The verbs of saved views."""

from collections.abc import Mapping

from crypto_api.kit.clock import Clock
from crypto_api.kit.errors import NotFound
from crypto_api.kit.ids import new_id
from crypto_api.saved_views import store
from crypto_api.saved_views.documents import SavedView
from crypto_api.saved_views.errors import TooManyViews
from crypto_api.saved_views.types import TRANSACTIONS, VIEWS_MAX
from mongodb_config.unit_of_work import Session, UnitOfWork


async def keep(
    uow: UnitOfWork, clock: Clock, org_id: str, user_id: str, name: str, filters: Mapping[str, str], *, list_name: str = TRANSACTIONS
) -> SavedView:
    """`filters` are checked by the edge that took them. ViewExists, TooManyViews."""
    view = SavedView(
        id=new_id("svw"),
        created_at=clock.now(),
        org_id=org_id,
        user_id=user_id,
        list_name=list_name,
        name=name,
        name_folded=name.casefold(),
        filters=dict(filters),
    )

    async def work(session: Session) -> None:
        if await store.count(org_id, user_id, list_name, session) >= VIEWS_MAX:
            raise TooManyViews
        await store.insert(session, view)

    await uow.run(work)
    return view


async def forget(uow: UnitOfWork, org_id: str, user_id: str, view_id: str, *, list_name: str = TRANSACTIONS) -> None:
    """NotFound, also for one of somebody else's, or of another list."""

    async def work(session: Session) -> None:
        if not await store.delete(session, org_id, user_id, list_name, view_id):
            raise NotFound

    await uow.run(work)

"""Every query of the slice: all of them of one person in one organisation."""

from pymongo.errors import DuplicateKeyError

from crypto_api.saved_views.documents import SavedView
from crypto_api.saved_views.errors import ViewExists
from mongodb_config.unit_of_work import Session


async def of_person(org_id: str, user_id: str) -> list[SavedView]:
    """By name."""
    return await SavedView.find({"org_id": org_id, "user_id": user_id}).sort("+name_folded").to_list()


async def count(org_id: str, user_id: str, session: Session) -> int:
    return await SavedView.find({"org_id": org_id, "user_id": user_id}, session=session).count()


async def insert(session: Session, view: SavedView) -> None:
    """ViewExists when the person has one of that name: decided by the unique index."""
    try:
        await view.insert(session=session)
    except DuplicateKeyError as error:
        raise ViewExists from error


async def delete(session: Session, org_id: str, user_id: str, view_id: str) -> bool:
    done = await SavedView.get_pymongo_collection().delete_one({"_id": view_id, "org_id": org_id, "user_id": user_id}, session=session)
    return done.deleted_count == 1

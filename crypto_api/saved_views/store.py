"""Every query of the slice: all of them of one person in one organisation."""

from pymongo.errors import DuplicateKeyError

from crypto_api.saved_views.documents import SavedView
from crypto_api.saved_views.errors import ViewExists
from crypto_api.saved_views.types import TRANSACTIONS
from mongodb_config.client import Database
from mongodb_config.migrations import drop_indexes
from mongodb_config.unit_of_work import Session


async def of_person(org_id: str, user_id: str, list_name: str = TRANSACTIONS) -> list[SavedView]:
    """By name."""
    return await SavedView.find({"org_id": org_id, "user_id": user_id, "list_name": list_name}).sort("+name_folded").to_list()


async def count(org_id: str, user_id: str, list_name: str, session: Session) -> int:
    return await SavedView.find({"org_id": org_id, "user_id": user_id, "list_name": list_name}, session=session).count()


async def insert(session: Session, view: SavedView) -> None:
    """ViewExists when the person has one of that name and list: decided by the unique index."""
    try:
        await view.insert(session=session)
    except DuplicateKeyError as error:
        raise ViewExists from error


async def delete(session: Session, org_id: str, user_id: str, list_name: str, view_id: str) -> bool:
    query = {"_id": view_id, "org_id": org_id, "user_id": user_id, "list_name": list_name}
    done = await SavedView.get_pymongo_collection().delete_one(query, session=session)
    return done.deleted_count == 1


async def name_their_list(database: Database) -> None:
    """Views from before there were those of other lists: they are of the transactions. Their index let nobody use a name twice."""
    views = database[SavedView.Settings.name]
    await views.update_many({"list_name": {"$exists": False}}, {"$set": {"list_name": TRANSACTIONS}})
    await drop_indexes(views, "org_user_name")

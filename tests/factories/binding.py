"""What a runtime needs of a database, without making it anew for each test.

Documents are bound to a database without looking at their classes again, which takes Beanie most of the time that a runtime needs to open, and a
class is the same whichever database its rows are in. The first time in a process it is Beanie's own work.
"""

from collections.abc import Sequence

import beanie

from mongodb_config.client import Database

Models = Sequence[type[beanie.Document]]

_bound: set[type[beanie.Document]] = set()


async def bind(*, database: Database, document_models: Models, skip_indexes: bool) -> None:
    """In the place of `init_beanie`."""
    assert skip_indexes, "indexes are the deploy step's"
    if not _bound.issuperset(document_models):
        await beanie.init_beanie(database=database, document_models=document_models, skip_indexes=True)
        _bound.update(document_models)
        return
    for model in document_models:
        model.set_database(database)
        model.set_collection(database[model.get_collection_name()])

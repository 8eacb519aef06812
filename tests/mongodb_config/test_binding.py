"""What the tests do to be quick is what the product does."""

from typing import Any

from beanie import Document, init_beanie

from crypto_api.documents import DOCUMENTS
from crypto_api.runtime import Runtime
from tests.factories.binding import bind


def _as_bound(model: type[Document]) -> dict[str, Any]:
    """Everything that Beanie keeps at a class."""
    settings = {name: repr(value) for name, value in model.get_settings().model_dump().items() if not name.startswith("pymongo")}
    fields = {name: (type(getattr(model, name)), str(getattr(model, name))) for name in model.model_fields}
    return {
        "settings": settings,
        "fields": fields,
        "database": model.get_settings().pymongo_db,
        "collection": model.get_pymongo_collection(),
        "links": model.get_link_fields(),
    }


async def test_documents_bound_again_are_as_beanie_binds_them(runtime: Runtime) -> None:
    await bind(database=runtime.mongo["elsewhere"], document_models=DOCUMENTS, skip_indexes=True)
    assert {model.get_pymongo_collection().database.name for model in DOCUMENTS} == {"elsewhere"}
    await bind(database=runtime.database, document_models=DOCUMENTS, skip_indexes=True)
    again = {model: _as_bound(model) for model in DOCUMENTS}
    await init_beanie(database=runtime.database, document_models=DOCUMENTS, skip_indexes=True)
    assert again == {model: _as_bound(model) for model in DOCUMENTS}

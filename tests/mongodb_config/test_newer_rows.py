"""While an installation is updated, processes of two versions read the same rows."""

import pytest
from beanie.odm.utils.projection import get_projection
from pydantic import ValidationError

from crypto_api.documents import DOCUMENTS
from crypto_api.kit.ids import new_id
from crypto_api.organizations.documents import Organization
from crypto_api.runtime import Runtime


async def test_what_a_newer_version_adds_to_a_row_is_read_past(runtime: Runtime) -> None:
    row = Organization(id=new_id("org"), created_at=runtime.clock.now().replace(microsecond=0), name="Lovelace")
    await row.insert()
    rows = Organization.get_pymongo_collection()
    await rows.update_one({"_id": row.id}, {"$set": {"of_tomorrow": {"a": 1}}})
    stored = await rows.find_one({"_id": row.id})
    assert stored is not None
    assert stored["of_tomorrow"] == {"a": 1}
    assert await Organization.find_one({"_id": row.id}) == row
    assert await Organization.find({"name": "Lovelace"}).to_list() == [row]
    assert Organization.model_validate(stored) == row
    assert stored["of_tomorrow"] == {"a": 1}, "what was handed over is left as it is"


def test_what_is_made_here_has_no_field_that_is_not_known() -> None:
    with pytest.raises(ValidationError, match="of_tomorrow"):
        Organization(id="org_1", created_at="2026-11-30T00:00:00Z", name="Lovelace", of_tomorrow=1)  # type: ignore[call-arg,arg-type]


def test_no_query_names_every_field() -> None:
    assert [document.__name__ for document in DOCUMENTS if get_projection(document) is not None] == []

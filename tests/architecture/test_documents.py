"""Every document belongs to one organisation, or says why it is shared; no unique index reaches over organisations."""

from collections.abc import Sequence
from typing import ClassVar

from pymongo import IndexModel

from crypto_api.documents import DOCUMENTS
from mongodb_config.base_document import BaseDocument, SharedDocument, TenantDocument
from tests.architecture.reading import python_files


def faults_of(documents: Sequence[type[BaseDocument]]) -> list[str]:
    faults, collections = [], [vars(document.Settings).get("name") for document in documents]
    for document, collection in zip(documents, collections, strict=True):
        name = document.__name__
        if collection is None or collections.count(collection) > 1:
            faults.append(f"{name}: needs a collection of its own")
        faults += _faults_of_sharing(document)
        for index in vars(document.Settings).get("indexes", []):
            first = next(iter(index.document["key"]))
            if document.TENANT and index.document.get("unique") and first != "org_id":
                faults.append(f"{name}: unique index {index.document['name']} does not begin with org_id")
    return faults


def _faults_of_sharing(document: type[BaseDocument]) -> list[str]:
    name = document.__name__
    if document.TENANT and "org_id" not in document.model_fields:
        return [f"{name}: has no org_id"]
    if not document.TENANT and not issubclass(document, SharedDocument):
        return [f"{name}: is shared without being a SharedDocument"]
    if not document.TENANT and not (document.__doc__ or "").startswith("Shared: "):
        return [f"{name}: does not say why it is shared"]
    return []


def test_documents_are_scoped() -> None:
    assert faults_of(DOCUMENTS) == []


def test_every_document_is_listed() -> None:
    listed = {document.__module__ for document in DOCUMENTS}
    files = [path for path in python_files("crypto_api") if path.name == "documents.py" and path.parent.name != "crypto_api"]
    assert {f"crypto_api.{path.parent.name}.documents" for path in files} == listed


def test_the_check_finds_bad_documents() -> None:
    class Homeless(BaseDocument):
        class Settings:
            name = "homeless"

    class Unexplained(SharedDocument):
        """Of everyone."""

        class Settings:
            name = "unexplained"

    class Leaking(TenantDocument):
        class Settings:
            name = "leaking"
            indexes: ClassVar[list[IndexModel]] = [IndexModel([("email", 1)], unique=True, name="email")]

    class Twin(TenantDocument):
        class Settings:
            name = "leaking"

    assert faults_of([Homeless, Unexplained, Leaking, Twin]) == [
        "Homeless: has no org_id",
        "Unexplained: does not say why it is shared",
        "Leaking: needs a collection of its own",
        "Leaking: unique index email does not begin with org_id",
        "Twin: needs a collection of its own",
    ]

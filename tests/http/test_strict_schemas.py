"""Every request schema of the API, field by field: nothing unknown is taken, nothing is coerced, and no operator gets through."""

import types
from collections.abc import Iterator
from typing import Annotated, Any, Union, get_args, get_origin

import pytest
from pydantic import BaseModel, ValidationError

from crypto_api.http.api import api
from crypto_api.http.schemas.base import RequestSchema
from crypto_api.kit.errors import CoreError

ANYTHING_ELSE = [{"$ne": None}, {"$gt": ""}, {"__proto__": {"x": 1}}, [{"$ne": 1}], [[]]]
NO_NUMBER = ["1_000", "１２", "0x10", "1e3", "NaN", "Infinity", " 1", "", True, False, float("nan"), float("inf"), 1.5, b"1"]
NO_TEXT = [1, 1.5, True, float("nan"), b"x", "a\x00b", "a\u202eb"]

COMPARED = {
    "username": "what somebody types to log in is looked up as it is; a new name is checked by its own rule",
    "email": "the same",
    "otp": "compared with digits",
    "message": "compared, byte for byte, with the message that was given out",
    "signature": "decoded as hexadecimal",
    "private_key": "sealed before it is read, never shown",
    "keystore_password": "the same",
}
"""Fields whose text may hold any character, since it is neither stored nor shown."""

BY_THE_ABI = {("ContractInteract", "arguments")}
"""Lists of anything: `[[]]` is one empty array, and a part of a tuple may be called `$ne` in Solidity. What fits is decided by the types of the
function that is called (tests/contracts/test_abi.py); they become the bytes of a call, and are neither stored nor part of a query."""


def bodies() -> dict[str, type[BaseModel]]:
    """The schema of every body that an operation takes, and those inside."""
    found: dict[str, type[BaseModel]] = {}
    for bound in api._get_bound_routers():
        for view in bound.path_operations.values():
            for operation in view.operations:
                for model in operation.models:
                    if model.__ninja_param_source__ == "body":
                        for field in model.model_fields.values():
                            found.update((inner.__name__, inner) for inner in _models(field.annotation))
    return found


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        for field in annotation.model_fields.values():
            yield from _models(field.annotation)
    for inner in get_args(annotation):
        yield from _models(inner)


BODIES = bodies()


def kinds(annotation: Any) -> set[Any]:
    """What a field may be, without None and without what narrows it."""
    if get_origin(annotation) in (Union, types.UnionType):
        return {kind for part in get_args(annotation) for kind in kinds(part)}
    if get_origin(annotation) is Annotated:
        return kinds(get_args(annotation)[0])
    if get_origin(annotation) is not None and not isinstance(annotation, type):
        return {get_origin(annotation)}
    return set() if annotation is type(None) else {annotation}


def faults_at(model: type[BaseModel], name: str, value: Any) -> bool:
    """Whether that value of that field is refused, whatever else is missing."""
    try:
        model.model_validate({name: value})
    except ValidationError as error:
        return any(row["loc"][:1] == (name,) for row in error.errors(include_input=False))
    return False


def test_there_are_bodies_and_all_are_strict() -> None:
    assert len(BODIES) >= 12
    for name, model in BODIES.items():
        assert issubclass(model, RequestSchema), name
        config = model.model_config
        assert (config.get("extra"), config.get("strict"), config.get("hide_input_in_errors")) == ("forbid", True, True), name


@pytest.mark.parametrize("name", sorted(BODIES))
def test_an_unknown_field_is_refused(name: str) -> None:
    for unknown in ("surprise", "org_id", "$where", "__proto__", "constructor", "id", "role_"):
        if unknown not in BODIES[name].model_fields:
            with pytest.raises((ValidationError, CoreError)) as refused:
                BODIES[name].model_validate({unknown: "canary-5f3a"})
            assert "canary-5f3a" not in str(refused.value)
            if isinstance(refused.value, ValidationError):  # a slice may say more: what came from the chain stays
                assert any(row["type"] == "extra_forbidden" and row["loc"] == (unknown,) for row in refused.value.errors()), unknown


@pytest.mark.parametrize(("name", "field"), [(name, field) for name, model in sorted(BODIES.items()) for field in model.model_fields])
def test_no_field_coerces_or_takes_an_operator(name: str, field: str) -> None:
    model, sent_as = BODIES[name], BODIES[name].model_fields[field].alias or field
    of = kinds(model.model_fields[field].annotation)
    hostile = list(ANYTHING_ELSE)
    if of <= {int, float}:
        hostile += NO_NUMBER
    elif of <= {str}:
        hostile += NO_TEXT
    elif of <= {bool}:
        hostile += ["true", "false", "1", 1, 0, "yes", "on"]
    else:
        hostile += [True, 1.5, float("nan"), "１２", "a\x00b"]
    if dict in of or any(isinstance(kind, type) and issubclass(kind, BaseModel) for kind in of):
        hostile = [value for value in hostile if not isinstance(value, dict)]  # an object: its own fields are looked at by themselves
    taken = [value for value in hostile if not faults_at(model, sent_as, value)]
    if field in COMPARED or model.model_json_schema()["properties"][sent_as].get("format") == "password":
        taken = [value for value in taken if not isinstance(value, str)]
    if (name, field) in BY_THE_ABI:
        taken = [value for value in taken if not isinstance(value, list)]
    assert taken == [], of


def test_queries_take_whole_numbers_and_flags_as_they_are_written() -> None:
    from crypto_api.http.paging import PageQuery

    for value in ("1_000", "１２", "0x10", "1e3", "NaN", " 1", "+1", "-1", "1.0", "", "0", "201", True):
        with pytest.raises(ValidationError):
            PageQuery.model_validate({"limit": value})
    for value in ("1", "yes", "True", "TRUE", "on", "", 1):
        with pytest.raises(ValidationError):
            PageQuery.model_validate({"count": value})
    assert PageQuery.model_validate({"limit": "200", "count": "true"}).limit == 200

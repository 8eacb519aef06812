from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator, Field

from crypto_api.http.schemas.base import Line, Prose, ReadSchema, RequestSchema, Time, Word
from crypto_api.organizations.documents import CustomRole
from crypto_api.organizations.types import ABOUT, GRANTABLE, PERMISSIONS, Permission


def _grantable(values: list[str]) -> list[str]:
    if bad := sorted(set(values) - GRANTABLE):
        raise ValueError(f"no permission of an organisation: {', '.join(bad)}")
    return values


Permissions = Annotated[list[Word], Field(max_length=200), AfterValidator(_grantable)]


class RoleCreate(RequestSchema):
    name: Line = Field(examples=["Treasurer"])
    description: Prose = Field(default="", examples=["Watches the wallets"])
    permissions: Permissions = Field(examples=[["wallets.read", "wallets.write"]])


class RoleUpdate(RequestSchema):
    """What is left out stays as it is."""

    name: Line | None = Field(default=None, examples=["Treasurer"])
    description: Prose | None = Field(default=None, examples=["Watches the wallets"])
    permissions: Permissions | None = Field(default=None, examples=[["wallets.read"]])


class RoleRead(ReadSchema):
    id: str = Field(examples=["rol_01k9x5r3v8"], description="What is given to a member; a built-in role goes by its name.")
    name: str = Field(examples=["Treasurer"])
    description: str
    permissions: list[Permission]
    built_in: bool = Field(description="Built-in roles stay as they are.")
    members: int = Field(description="How many have it.")
    updated_at: Time | None

    @classmethod
    def built_in_one(cls, role: str, members: int) -> "RoleRead":
        return cls(
            id=role,
            name=role,
            description=ABOUT[role],
            permissions=_sorted(tuple(PERMISSIONS[role])),
            built_in=True,
            members=members,
            updated_at=None,
        )

    @classmethod
    def of(cls, row: CustomRole, members: int) -> "RoleRead":
        return cls(
            id=row.id,
            name=row.name,
            description=row.description,
            permissions=_sorted(row.permissions),
            built_in=False,
            members=members,
            updated_at=row.updated_at,
        )


def _sorted(permissions: Sequence[Permission]) -> list[Permission]:
    return sorted(permissions)

from pydantic import Field

from crypto_api.flows.platform import InstallationState
from crypto_api.http.paging import PageQuery
from crypto_api.http.schemas.base import QueryFlag, ReadSchema, RequestSchema, Time, Word
from crypto_api.http.schemas.system import PartRead
from crypto_api.identity.documents import User
from crypto_api.organizations.documents import Organization


class PlatformQuery(PageQuery):
    suspended: QueryFlag | None = None
    q: Word | None = Field(default=None, description="Part of a name, or of an address.")


class PlatformSuspend(RequestSchema):
    suspended: bool = Field(examples=[True])


class PlatformOrganizationRead(ReadSchema):
    """What its operator sees of an organisation: nothing of its people, its books or its money."""

    id: str = Field(examples=["org_01k9x5r3v8"])
    name: str = Field(examples=["Byron Treasury"])
    members: int = Field(examples=[7])
    suspended_at: Time | None
    created_at: Time

    @classmethod
    def of(cls, row: Organization, members: int) -> "PlatformOrganizationRead":
        return cls(id=row.id, name=row.name, members=members, suspended_at=row.suspended_at, created_at=row.created_at)


class PlatformUserRead(ReadSchema):
    id: str = Field(examples=["usr_01k9x5r3v8"])
    username: str = Field(examples=["ada"])
    email: str = Field(examples=["ada@example.com"])
    organizations: int = Field(examples=[1], description="In how many they are a member.")
    platform_admin: bool
    suspended_at: Time | None
    last_log_in_at: Time | None
    created_at: Time

    @classmethod
    def of(cls, row: User, organizations: int) -> "PlatformUserRead":
        return cls(
            id=row.id,
            username=row.username,
            email=row.email,
            organizations=organizations,
            platform_admin=row.platform_admin,
            suspended_at=row.suspended_at,
            last_log_in_at=row.last_log_in_at,
            created_at=row.created_at,
        )


class PlatformStatusRead(ReadSchema):
    organizations: int
    users: int
    live_sessions: int
    failed_tasks: dict[str, int] = Field(examples=[{"backfill": 2}], description="Of the last day, by kind.")
    parts: dict[str, PartRead] = Field(description="As in the health answer.")

    @classmethod
    def of(cls, state: InstallationState, parts: dict[str, PartRead]) -> "PlatformStatusRead":
        return cls(
            organizations=state.organizations,
            users=state.users,
            live_sessions=state.live_sessions,
            failed_tasks=dict(state.failed_tasks),
            parts=parts,
        )

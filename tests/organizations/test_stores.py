"""What each query leaves alone: other people, other organisations, what was answered or has run out. Against the store, because above it another
wall often stands in front of this one."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from crypto_api.organizations import service, store
from crypto_api.organizations.documents import CustomRole, Invitation, InvitationState, Membership
from crypto_api.organizations.types import Permission, Role
from crypto_api.runtime import Runtime

MINUTE = timedelta(minutes=1)
ORG, OTHER = "org_one", "org_two"


@pytest.fixture
def now(runtime: Runtime) -> datetime:
    return runtime.clock.now().replace(microsecond=0)


@pytest.fixture
async def members(now: datetime) -> None:
    """Ada and Bob in the one organisation, Ada and Cleo in the other."""
    for number, (org_id, user_id, changes) in enumerate(
        (
            (ORG, "ada", {"role": Role.ADMIN}),
            (ORG, "bob", {"role": Role.ADMIN, "suspended_at": now}),
            (OTHER, "ada", {"role": Role.USER}),
            (OTHER, "cleo", {"role": Role.ADMIN}),
        )
    ):
        await Membership(id=f"mem_{number}", created_at=now, org_id=org_id, user_id=user_id, **changes).insert()


def named(rows: list[Membership]) -> set[tuple[str, str]]:
    return {(row.org_id, row.user_id) for row in rows}


@pytest.mark.usefixtures("members")
async def test_memberships_are_of_the_people_who_were_asked_for() -> None:
    assert named(await store.memberships_of("ada")) == {(ORG, "ada"), (OTHER, "ada")}
    assert named(await store.memberships_of_people(["bob", "cleo"])) == {(ORG, "bob"), (OTHER, "cleo")}
    assert named(await store.members_among(ORG, ["ada", "cleo"])) == {(ORG, "ada")}
    assert named(await store.members(ORG)) == {(ORG, "ada"), (ORG, "bob")}


@pytest.mark.usefixtures("members")
async def test_a_suspended_admin_does_not_count(runtime: Runtime) -> None:
    assert await runtime.uow.run(lambda session: store.count_of_admins(ORG, session)) == 1


@pytest.mark.usefixtures("members")
async def test_one_member_of_one_organisation_is_taken_out(runtime: Runtime) -> None:
    await runtime.uow.run(lambda session: store.delete_member(session, ORG, "bob"))
    await runtime.uow.run(lambda session: store.delete_member(session, OTHER, "cleo"))
    assert named(await Membership.find_all().to_list()) == {(ORG, "ada"), (OTHER, "ada")}


async def test_a_role_holds_no_permission_of_the_installation_whatever_is_stored(now: datetime) -> None:
    stored = [Permission.PLATFORM_WRITE, Permission.MEMBERS_READ]
    await CustomRole(id="rol_a", created_at=now, updated_at=now, org_id=ORG, name="Helper", name_folded="helper", permissions=stored).insert()
    assert await service.permissions_of(ORG, "rol_a") == {Permission.MEMBERS_READ}
    assert await service.permissions_of(OTHER, "rol_a") is None


# ---- invitations -----------------------------------------------------------------------------------------------------------------


def invitation_of(name: str, now: datetime, **changes: Any) -> Invitation:
    values: dict[str, Any] = {
        "id": name,
        "created_at": now - MINUTE,
        "org_id": ORG,
        "email": "eve@example.com",
        "role": "rol_a",
        "token_hash": f"secret of {name}",
        "invited_by": "ada",
        "expires_at": now + MINUTE,
    }
    return Invitation(**values | changes)


@pytest.fixture
async def invitations(now: datetime) -> None:
    await invitation_of("revoked", now, state=InvitationState.REVOKED).insert()
    await invitation_of("to another", now, email="dora@example.com").insert()
    await invitation_of("open", now).insert()
    await invitation_of("elsewhere", now, org_id=OTHER).insert()
    await invitation_of("too old", now, org_id="org_three", expires_at=now - MINUTE).insert()
    await invitation_of("declined", now, org_id="org_four", state=InvitationState.DECLINED).insert()


@pytest.mark.usefixtures("invitations")
async def test_invitations_are_open_and_for_the_address(runtime: Runtime, now: datetime) -> None:
    assert {row.id for row in await store.open_invitations_for("eve@example.com", now)} == {"open", "elsewhere"}
    found = await runtime.uow.run(lambda session: store.open_invitation_to(ORG, "eve@example.com", session))
    assert found is not None and found.id == "open"
    assert await runtime.uow.run(lambda session: store.open_invitation_to(ORG, "nobody@example.com", session)) is None
    assert await runtime.uow.run(lambda session: store.open_invitation_to("org_four", "eve@example.com", session)) is None
    among = ["revoked", "open", "elsewhere"]
    assert {row.id for row in await store.open_invitations_among(ORG, among)} == {"open"}
    assert await runtime.uow.run(lambda session: store.count_of_open_invitations(ORG, session)) == 2
    assert await runtime.uow.run(lambda session: store.uses_of_role(ORG, "rol_a", session)) == (0, 2)
    assert await store.invitation_for("open", "dora@example.com") is None


@pytest.mark.usefixtures("invitations")
@pytest.mark.parametrize(("org_id", "name"), [(ORG, "revoked"), (OTHER, "open"), ("org_three", "too old")])
async def test_no_letter_goes_to_whom_it_is_too_late_for(runtime: Runtime, now: datetime, org_id: str, name: str) -> None:
    assert await runtime.uow.run(lambda session: store.set_invitation_token(session, org_id, name, "new secret", now)) is None
    row = await Invitation.get(name)
    assert row is not None and row.token_hash == f"secret of {name}"


@pytest.mark.usefixtures("invitations")
async def test_a_letter_counts_as_sent_for_the_secret_in_it(runtime: Runtime, now: datetime) -> None:
    for org_id, secret in ((ORG, "a secret that was replaced"), (OTHER, "secret of open"), (ORG, "secret of open")):
        await runtime.uow.run(lambda session, org_id=org_id, secret=secret: store.mark_invitation_sent(session, org_id, "open", secret, now))  # type: ignore[misc]
        row = await Invitation.get("open")
        assert row is not None and (row.sent_at is not None) == (org_id == ORG and secret == "secret of open")


@pytest.mark.usefixtures("invitations")
async def test_the_sweep_finds_the_letters_that_can_still_be_sent(now: datetime) -> None:
    late = await store.invitations_without_mail(now, now, 10)
    assert set(late) == {(ORG, "to another"), (ORG, "open"), (OTHER, "elsewhere")}

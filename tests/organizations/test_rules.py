"""Pure decisions: who may give what, when a letter may go out again, how names are compared."""

from datetime import UTC, datetime, timedelta

import pytest

from crypto_api.organizations.errors import AdminsOnly, RoleBeyondYours
from crypto_api.organizations.rules import check_grant, check_take, fold, is_built_in, resend_wait
from crypto_api.organizations.types import ABOUT, GRANTABLE, INVITATION_LIFETIME, MEMBER_ROLES, PERMISSIONS, PLATFORM, Permission, Role

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)


@pytest.mark.parametrize("role", MEMBER_ROLES)
def test_an_admin_gives_every_role(role: Role) -> None:
    check_grant(Role.ADMIN, PERMISSIONS[Role.ADMIN], role, PERMISSIONS[role])


def test_whoever_has_every_permission_is_still_no_admin() -> None:
    with pytest.raises(AdminsOnly):
        check_grant("rol_all", GRANTABLE, Role.ADMIN, PERMISSIONS[Role.ADMIN])
    with pytest.raises(AdminsOnly):
        check_take("rol_all", Role.ADMIN)
    check_take("rol_all", Role.ACCOUNTANT)
    check_take(Role.ADMIN, Role.ADMIN)


@pytest.mark.parametrize("missing", sorted(GRANTABLE))
def test_a_role_with_one_permission_more_is_beyond(missing: Permission) -> None:
    own = GRANTABLE - {missing}
    check_grant("rol_x", own, "rol_y", own)
    with pytest.raises(RoleBeyondYours, match=missing):
        check_grant("rol_x", own, "rol_y", {missing})


def test_no_role_of_an_organisation_reaches_the_installation() -> None:
    assert not any(PERMISSIONS[role] & PLATFORM for role in MEMBER_ROLES)
    assert not is_built_in(Role.PLATFORM_ADMIN)
    assert set(ABOUT) == set(MEMBER_ROLES)


def test_a_letter_goes_out_again_after_a_minute() -> None:
    expires_at = NOW + INVITATION_LIFETIME
    assert resend_wait(expires_at, NOW) == timedelta(minutes=1)
    assert resend_wait(expires_at, NOW + timedelta(minutes=1)) == timedelta()
    assert resend_wait(expires_at, NOW + timedelta(days=8)) < timedelta()


def test_names_are_compared_without_case_and_spacing() -> None:
    assert fold("  Byron \t &  Co ") == fold("BYRON & CO") == "byron & co"

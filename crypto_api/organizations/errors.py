"""Errors of the slice."""

from collections.abc import Iterable

from crypto_api.kit.errors import Conflict, FieldError, InvalidInput, PermissionDenied, TooManyRequests


class LastAdmin(Conflict):
    code = "last_admin"

    def __init__(self) -> None:
        super().__init__("An organisation needs an ADMIN, and this is its last one. Make somebody else an ADMIN first.")


class AlreadyMember(Conflict):
    code = "already_member"

    def __init__(self) -> None:
        super().__init__("This person is a member of the organisation already.")


class AlreadyInvited(Conflict):
    code = "already_invited"

    def __init__(self) -> None:
        super().__init__("There is an open invitation for this address. Send it again, or revoke it first.")


class InvitationLimitReached(Conflict):
    code = "invitation_limit_reached"

    def __init__(self, limit: int) -> None:
        super().__init__(f"An organisation may have at most {limit} open invitations. Revoke some first.")


class InvitationClosed(Conflict):
    code = "invitation_closed"

    def __init__(self) -> None:
        super().__init__("This invitation was answered or revoked, or has run out.")


class SentJustNow(TooManyRequests):
    code = "sent_just_now"

    def __init__(self, retry_after_s: int) -> None:
        super().__init__("The invitation was sent a moment ago. Give the mail time to arrive.", retry_after_s=retry_after_s)


class OtherAddress(PermissionDenied):
    code = "other_address"

    def __init__(self) -> None:
        super().__init__("This invitation is for another e-mail address than the verified one of your account.")


class OperatorStaysOutside(PermissionDenied):
    code = "operator_stays_outside"

    def __init__(self) -> None:
        super().__init__("An operator of the installation belongs to no organisation.")


class NotInvitable(InvalidInput):
    def __init__(self) -> None:
        super().__init__(FieldError("email", "cannot be invited", "not_invitable"))


class RoleExists(Conflict):
    code = "role_exists"

    def __init__(self) -> None:
        super().__init__("The organisation has a role of this name already.")


class RoleInUse(Conflict):
    code = "role_in_use"

    def __init__(self, members: int, invitations: int) -> None:
        super().__init__(f"This role is in use: by {members} members and {invitations} open invitations. Give them another one first.")


class RoleLimitReached(Conflict):
    code = "role_limit_reached"

    def __init__(self, limit: int) -> None:
        super().__init__(f"An organisation may have at most {limit} roles of its own. Delete one first.")


class BuiltInRole(Conflict):
    code = "built_in_role"

    def __init__(self) -> None:
        super().__init__("A built-in role stays as it is. Make one of your own.")


class RoleBeyondYours(PermissionDenied):
    code = "role_beyond_yours"

    def __init__(self, missing: Iterable[str]) -> None:
        super().__init__(f"Nobody gives away more than they have. You do not have: {', '.join(sorted(missing))}.")


class AdminsOnly(PermissionDenied):
    code = "admins_only"

    def __init__(self) -> None:
        super().__init__("Only an ADMIN may give or take the role ADMIN.")


class SwitchOrganization(PermissionDenied):
    code = "switch_organization"

    def __init__(self) -> None:
        super().__init__("You act in another organisation. Switch to this one first (POST /api/auth/switch-organization/).")


class Suspended(PermissionDenied):
    code = "suspended"

    def __init__(self) -> None:
        super().__init__("Your place in this organisation, or the organisation itself, is suspended.")


class FunctionalCurrencyInUse(Conflict):
    code = "functional_currency_in_use"

    def __init__(self) -> None:
        super().__init__("There are journal entries in the functional currency: it stays as it is.")


class SecondFactorFirst(Conflict):
    code = "second_factor_first"

    def __init__(self) -> None:
        super().__init__("This asks your own role for a second factor. Set one up and log in with it first, or you would lock yourself out.")


class CompanyExists(Conflict):
    code = "company_exists"

    def __init__(self) -> None:
        super().__init__("The organisation has a company of this legal name already.")


class NotYourself(Conflict):
    code = "not_yourself"

    def __init__(self) -> None:
        super().__init__("Nobody suspends their own account.")

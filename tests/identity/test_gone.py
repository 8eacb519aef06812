"""What is no longer there when it is needed: between the log-in and the act, or between two reads of the same request, a person, a token or an
organisation may go. Nothing happens then, and the answer says so."""

from datetime import UTC, datetime, timedelta
from types import ModuleType, SimpleNamespace
from typing import Any

import httpx
import pytest

from crypto_api.employees import service as employees
from crypto_api.employees.types import EmployeeDecision
from crypto_api.flows import invitations, second_step, set_password, sign_in
from crypto_api.flows.approve_session import Confirmation, approve_by_password
from crypto_api.flows.edit_profile import ProfileChanges, edit_profile
from crypto_api.flows.found_organization import found_organization
from crypto_api.flows.link_ethereum_account import begin_link
from crypto_api.flows.operate_accounts import reset_second_factor
from crypto_api.flows.platform import suspend_user
from crypto_api.flows.register_passkey import begin_passkey
from crypto_api.flows.second_factor import ways_in
from crypto_api.flows.set_password import change_password
from crypto_api.flows.switch_organization import enter
from crypto_api.http import auth, journal_entries, ledger, organizations, payment_policy, profile
from crypto_api.http.auth import door_of, org_of
from crypto_api.identity import service as identity
from crypto_api.identity.documents import OneTimePurpose, OneTimeToken, Session, User
from crypto_api.identity.errors import AccountSuspended, InvalidToken
from crypto_api.identity.passkeys import RelyingParty
from crypto_api.identity.rules import hash_token
from crypto_api.identity.siwe import Site
from crypto_api.identity.types import Device, Factor, NewUser, Purpose
from crypto_api.kit.errors import InvalidInput, NotFound, PermissionDenied, Unauthenticated
from crypto_api.kit.session_spans import Spans
from crypto_api.organizations import rules
from crypto_api.organizations.documents import Invitation, Membership, Organization
from crypto_api.organizations.types import GRANTABLE, NewOrganization, Principal, Role
from crypto_api.runtime import Runtime
from tests.http.conftest import PASSWORD, Join, api, client, join, networks, runtime

__all__ = ["api", "client", "join", "networks", "runtime"]  # fixtures

LAPTOP = Device("127.0.0.1", "x")
ADDRESS = "0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045"


def principal(runtime: Runtime, user_id: str = "usr_gone", session_id: str = "ses_gone") -> Principal:
    return Principal(user_id, None, None, GRANTABLE, session_id, runtime.clock.now() + timedelta(hours=1))


async def person(runtime: Runtime, name: str = "ada", **changes: Any) -> User:
    user = await identity.prepare(NewUser(name, f"{name}@example.com", name, ""), PASSWORD, 4, runtime.clock.now(), verified=True)
    user = user.model_copy(update=changes)
    await runtime.uow.run(lambda session: identity.register(session, user))
    return user


async def test_nobody_does_anything_who_is_no_longer_there(runtime: Runtime) -> None:
    uow, clock, box, door, gone = runtime.uow, runtime.clock, runtime.box, door_of(runtime), principal(runtime)
    with pytest.raises(InvalidToken):
        await approve_by_password(uow, box, clock, gone, Confirmation(PASSWORD, None, Purpose.KEYS), 4)
    with pytest.raises(InvalidToken):
        await edit_profile(door, gone, ProfileChanges(first_name="Eve"), None, None)
    with pytest.raises(InvalidToken):
        await begin_link(uow, clock, Site("http://localhost", "http://localhost"), gone, ADDRESS, 1)
    with pytest.raises(InvalidToken):
        await begin_passkey(uow, clock, RelyingParty("localhost", "http://localhost"), gone)
    with pytest.raises(InvalidToken):
        await change_password(door, gone, PASSWORD, "another-river-of-9-stones")
    with pytest.raises(InvalidToken):
        await ways_in(gone.user_id, gone.session_id, clock.now())
    with pytest.raises(Unauthenticated):
        await found_organization(uow, clock, gone, NewOrganization("Nobody's"))
    with pytest.raises(NotFound):
        await suspend_user(uow, clock, principal(runtime, "usr_root"), gone.user_id, True, None)
    with pytest.raises(NotFound):
        await reset_second_factor(uow, clock, "gone@example.com")
    assert await Organization.count() == await OneTimeToken.count() == await Session.count() == 0


async def test_an_employee_who_is_not_there_is_not_verified(runtime: Runtime) -> None:
    with pytest.raises(NotFound):
        await runtime.uow.run(
            lambda session: employees.verify(session, "org_one", "emp_gone", EmployeeDecision.APPROVE, "usr_ada", "", runtime.clock.now())
        )


async def test_an_invitation_into_nothing_makes_nobody_a_member(runtime: Runtime) -> None:
    ada, now = await person(runtime), runtime.clock.now()
    row = Invitation(
        id="inv_a",
        created_at=now,
        org_id="org_gone",
        email=ada.email,
        role=Role.USER,
        token_hash=rules.hash_token("the secret"),
        invited_by="usr_eve",
        expires_at=now + timedelta(days=1),
    )
    await row.insert()
    with pytest.raises(NotFound):
        await invitations.accept(runtime.uow, runtime.clock, ada.id, "the secret")
    with pytest.raises(Unauthenticated):
        await invitations.accept(runtime.uow, runtime.clock, "usr_gone", "the secret")
    with pytest.raises(Unauthenticated):
        await invitations.decline(runtime.uow, runtime.clock, "usr_gone", "the secret")
    assert await Membership.count() == 0
    assert (await Invitation.find_one({"_id": "inv_a"})).state == "open"  # type: ignore[union-attr]


async def test_a_session_that_has_ended_enters_no_organisation(runtime: Runtime) -> None:
    organization = Organization(id="org_one", created_at=runtime.clock.now(), name="Treasury", single_session=True)
    with pytest.raises(InvalidToken):
        await runtime.uow.run(lambda session: enter(session, "ses_gone", "usr_ada", organization, runtime.clock.now()))


async def test_nobody_logs_in_to_an_organisation_that_is_not_theirs(runtime: Runtime) -> None:
    ada, now = await person(runtime), runtime.clock.now()
    with pytest.raises(NotFound):
        await runtime.uow.run(
            lambda session: sign_in.open_session(session, ada, LAPTOP, [Factor.PASSWORD], now, way="api", spans=Spans(), org_id="org_one")
        )
    assert await Session.count() == 0


async def test_who_is_suspended_is_sent_nothing_although_they_never_verified_their_address(runtime: Runtime) -> None:
    await person(runtime, suspended_at=runtime.clock.now(), email_verified_at=None)
    with pytest.raises(AccountSuspended):
        await sign_in.sign_in(door_of(runtime), auth.tokens_of(runtime), sign_in.Credentials(None, "ada", PASSWORD), LAPTOP)
    assert await runtime.database["due_mails"].count_documents({}) == 0


# ---- taken away in between ---------------------------------------------------------------------------------------------------------


async def token_for(ada: User, purpose: OneTimePurpose, now: datetime) -> None:
    await OneTimeToken(
        id=hash_token("the secret"),
        created_at=now,
        purpose=purpose,
        user_id=ada.id,
        data={"shown": ["password"]},
        expires_at=now + timedelta(hours=1),
    ).insert()


async def test_a_link_that_is_taken_back_while_it_is_used_sets_no_password(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when the person changes their address at that moment: what was sent to the old one counts no more."""
    ada, judged = await person(runtime), set_password._judged
    await token_for(ada, OneTimePurpose.RESET_PASSWORD, runtime.clock.now())

    async def meanwhile(*given: Any) -> str:
        await OneTimeToken.find_all().delete()
        return await judged(*given)

    monkeypatch.setattr(set_password, "_judged", meanwhile)
    with pytest.raises(InvalidInput):
        await set_password.reset_password(door_of(runtime), "the secret", "another-river-of-9-stones", LAPTOP)
    assert (await User.get(ada.id)).password_hash == ada.password_hash  # type: ignore[union-attr]


async def test_a_password_that_changed_meanwhile_is_not_overwritten(runtime: Runtime) -> None:
    ada, now = await person(runtime), runtime.clock.now()
    await User.find_one(User.id == ada.id).update({"$set": {"password_changed_at": now, "password_hash": "newer"}})
    with pytest.raises(InvalidToken):
        await runtime.uow.run(lambda session: identity.set_password(session, ada, "older", now, by_mail=True, kept_session=None))
    assert (await User.get(ada.id)).password_hash == "newer"  # type: ignore[union-attr]


async def test_of_two_who_take_the_second_step_at_once_one_goes_on(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = await person(runtime)
    await token_for(ada, OneTimePurpose.SECOND_STEP, runtime.clock.now())

    async def meanwhile(*given: Any) -> list[Factor]:
        await OneTimeToken.find_all().delete()
        return [Factor.OTP]

    monkeypatch.setattr(second_step, "second_factor", meanwhile)
    with pytest.raises(InvalidToken):
        await second_step.finish_second_step(door_of(runtime), "the secret", "123456", LAPTOP)
    assert await Session.count() == 0


async def test_the_second_step_is_of_somebody_who_is_there_and_has_the_password_of_the_first(runtime: Runtime) -> None:
    door, now = door_of(runtime), runtime.clock.now()
    with pytest.raises(InvalidToken):
        await second_step.finish_second_step(door, "no such secret", "123456", LAPTOP)
    ada = await person(runtime)
    await token_for(ada, OneTimePurpose.SECOND_STEP, now)
    await User.find_one(User.id == ada.id).update({"$set": {"password_changed_at": now + timedelta(seconds=1)}})
    with pytest.raises(InvalidToken):
        await second_step.finish_second_step(door, "the secret", "123456", LAPTOP)
    await User.find_one(User.id == ada.id).delete()
    with pytest.raises(InvalidToken):
        await second_step.finish_second_step(door, "the secret", "123456", LAPTOP)
    assert await Session.count() == 0


class Without:
    """A module in which a function finds nothing."""

    def __init__(self, module: ModuleType, name: str) -> None:
        self._module, self._name = module, name

    def __getattr__(self, name: str) -> Any:
        return self._nothing if name == self._name else getattr(self._module, name)

    async def _nothing(self, *given: Any) -> None:
        return None


REQUESTS: list[tuple[ModuleType, str, str, str, str, dict[str, Any] | None, tuple[int, str]]] = [
    (profile, "identities", "user", "GET", "/api/auth/profile/", None, (401, "unauthenticated")),
    (organizations, "identities", "user", "POST", "/api/auth/switch-organization/", {"organization_id": "ORG"}, (401, "unauthenticated")),
    (organizations, "store", "membership", "PUT", "/api/organizations/ORG/", {"name": "New name"}, (404, "not_found")),
    (ledger, "organizations", "get", "GET", "/api/ledger/trial-balance/", None, (404, "not_found")),
    (payment_policy, "organizations", "get", "GET", "/api/payment-policy/", None, (404, "not_found")),
    (journal_entries, "organizations", "get", "POST", "/api/journal-entries/je_none/reverse/", {"reason": "It was wrong."}, (404, "not_found")),
]


async def test_what_goes_between_two_reads_of_a_request_is_absent(join: Join, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = await join("ada", founds="Byron Treasury")
    for module, name, function, method, path, body, expected in REQUESTS:
        with monkeypatch.context() as patch:
            patch.setattr(module, name, Without(getattr(module, name), function))
            answer: httpx.Response = await ada.http.request(method, path.replace("ORG", ada.org_id), json=_named(body, ada.org_id))
        assert (answer.status_code, answer.json()["code"]) == expected, path


def _named(body: dict[str, Any] | None, org_id: str) -> dict[str, Any] | None:
    return {name: org_id if value == "ORG" else value for name, value in body.items()} if body else None


def test_without_an_organisation_nothing_is_read_of_one() -> None:
    nowhere = Principal("usr_ada", None, None, GRANTABLE, "ses_ada", datetime.max.replace(tzinfo=UTC))
    with pytest.raises(PermissionDenied):
        org_of(SimpleNamespace(auth=nowhere))

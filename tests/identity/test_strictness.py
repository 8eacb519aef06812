"""What an installation asks of everybody, whatever an organisation asks of its own."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from crypto_api.flows.authenticate import _as_found, denied_in
from crypto_api.identity import strictness, totp
from crypto_api.identity.documents import Session, User
from crypto_api.identity.strictness import Strictness
from crypto_api.identity.types import Factor
from crypto_api.organizations.documents import Membership, Organization
from crypto_api.organizations.types import Denied, Role
from tests.identity.test_totp import RFC_SECRET

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    before = strictness.asked()
    yield
    strictness.ask(before)


def session(*factors: Factor, org_id: str | None = "org_1") -> Session:
    return Session.model_construct(id="ses_1", user_id="usr_1", org_id=org_id, factors=list(factors))


def test_without_a_second_factor_nobody_may_do_anything_where_the_installation_asks_it() -> None:
    house = Organization.model_construct(id="org_1", suspended_at=None, second_factor_roles=[])
    admin = User.model_construct(id="usr_1", username="ada", suspended_at=None, platform_admin=True)
    weak, strong = (Factor.PASSWORD,), (Factor.PASSWORD, Factor.OTP)
    for asked in (False, True):
        strictness.ask(Strictness(second_factor=asked))
        for role in Role:
            member = Membership.model_construct(org_id="org_1", user_id="usr_1", role=role, suspended_at=None)
            assert denied_in(session(*weak), member, house) is (Denied.SECOND_FACTOR_REQUIRED if asked else None), role
            assert denied_in(session(*strong), member, house) is None and denied_in(session(Factor.PASSKEY), member, house) is None
        operator = _as_found(session(*weak, org_id=None), NOW, admin, None, None, None).principal
        assert (operator.denied, bool(operator.permissions)) == ((Denied.SECOND_FACTOR_REQUIRED, False) if asked else (None, True))
        operator = _as_found(session(*strong, org_id=None), NOW, admin, None, None, None).principal
        assert operator.denied is None and operator.permissions


def test_a_code_counts_for_thirty_seconds_where_no_other_than_the_present_one_does() -> None:
    strictness.ask(Strictness(code_steps_around=0))
    begin = NOW.replace(second=30)
    code = totp.pyotp.TOTP(RFC_SECRET).at(begin)
    counts = [seconds for seconds in range(-60, 91) if totp.matching_step(RFC_SECRET, code, begin + timedelta(seconds=seconds)) is not None]
    assert counts == list(range(30))

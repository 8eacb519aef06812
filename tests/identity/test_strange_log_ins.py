"""Who logs in from where they never did, or fails at it again and again: the owner is told by a letter, and of nothing else."""

from base64 import urlsafe_b64decode
from collections import Counter

import pytest

from crypto_api.flows.edit_profile import ProfileChanges, edit_profile
from crypto_api.flows.notice_text import LOG_IN_SUBJECT, notice_text
from crypto_api.flows.second_factor import bound_to
from crypto_api.flows.sign_in import Credentials, SignedIn, sign_in
from crypto_api.http.auth import door_of, tokens_of
from crypto_api.identity import passkeys, totp
from crypto_api.identity import store as identities
from crypto_api.identity.documents import Attempts, DueMail, Totp, User
from crypto_api.identity.errors import InvalidCredentials, InvalidOtp
from crypto_api.identity.rules import network_of
from crypto_api.identity.types import Device
from crypto_api.organizations.types import Principal
from crypto_api.runtime import Runtime
from tests.identity.test_people import PASSWORD, registered

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


async def log_in(runtime: Runtime, device: Device, password: str = PASSWORD, otp: str | None = None, name: str = "ada") -> SignedIn:
    return await sign_in(door_of(runtime), tokens_of(runtime), Credentials(None, name, password, otp), device)


async def told() -> Counter[str]:
    return Counter(row.data["what"] for row in await DueMail.find({"kind": "notice"}).to_list())


async def ada_of(runtime: Runtime) -> User:
    await registered(runtime, verified=True)
    user = await User.find_one({"username": "ada"})
    assert user is not None
    return user


async def test_the_owner_is_told_of_a_log_in_from_a_new_place_once(runtime: Runtime) -> None:
    user = await ada_of(runtime)
    first = await log_in(runtime, Device("198.51.100.7", FIREFOX))  # the very first: nothing to compare it with
    await log_in(runtime, Device("198.51.100.7", FIREFOX))
    await log_in(runtime, Device("198.51.200.9", FIREFOX))  # the same provider
    await log_in(runtime, Device("203.0.113.5", FIREFOX, first.device))  # away, with the known device
    assert await told() == {}
    for _ in range(2):
        await log_in(runtime, Device("192.0.2.9", "curl/8"))
    assert await told() == {"new_place": 1}
    row = await DueMail.find_one({"kind": "notice"})
    assert row is not None and (row.to, row.user_id, row.data) == (user.email, user.id, {"what": "new_place", "device": "curl", "ip": "192.0.2.9"})
    subject, text = notice_text(user, row.data, row.created_at, "https://coffer.example")
    assert subject == LOG_IN_SUBJECT and "curl, 192.0.2.9." in text and "change your password at once" in text
    for told_data in ({"what": "username_changed", "username": "{ip}"}, {"what": "new_place"}):
        assert notice_text(user, told_data, row.created_at, "https://coffer.example")[1].count("{") == told_data.get("username", "").count("{")


async def test_the_owner_is_told_of_wrong_passwords_and_of_wrong_codes_after_a_right_one(runtime: Runtime) -> None:
    user = await ada_of(runtime)
    secret = totp.new_secret()
    held = Totp(sealed_secret=runtime.box.seal(secret.encode(), bound_to(user.id)), confirmed_at=runtime.clock.now())
    await User.find_one({"_id": user.id}).update({"$set": {"totp": held.model_dump()}})
    stranger = Device("192.0.2.9", "curl/8")
    for times in range(1, 13):
        for name in ("ada", "nobody"):
            with pytest.raises(InvalidCredentials):
                await log_in(runtime, stranger, "wrong", name=name)
        await Attempts.find_all().update({"$set": {"blocked_until": None}})
        assert (await told())["log_ins_failed"] == (2 if times >= 10 else 0)
    letters = await DueMail.find({"data.what": "log_ins_failed"}).to_list()
    assert sorted((row.to, row.user_id, row.sent_at is None) for row in letters) == [("", None, False), (user.email, user.id, True)]
    for times in range(1, 8):
        with pytest.raises(InvalidOtp):
            await log_in(runtime, stranger, otp="000000")
        await Attempts.find_all().update({"$set": {"blocked_until": None}})
        assert (await told())["second_factor_failed"] == (1 if times >= 5 else 0)
    assert (await told())["new_place"] == 0  # nobody got in


async def test_the_owner_is_told_of_another_user_name_and_of_no_other_change(runtime: Runtime) -> None:
    user = await ada_of(runtime)
    row = (await log_in(runtime, Device("192.0.2.9", "curl/8"))).row
    principal = Principal(user.id, None, None, frozenset(), row.id, row.expires_at, None, user.username)
    await edit_profile(door_of(runtime), principal, ProfileChanges(first_name="Augusta"), None, None)
    assert await told() == {}
    await edit_profile(door_of(runtime), principal, ProfileChanges(username="augusta"), None, None)
    letter = await DueMail.find_one({"kind": "notice"})
    assert letter is not None and (letter.to, letter.data) == (user.email, {"what": "username_changed", "username": "augusta"})
    assert (await identities.user(user.id)).username == "augusta"  # type: ignore[union-attr]


def test_a_challenge_has_256_random_bits() -> None:
    challenges = {passkeys.new_challenge() for _ in range(50)}
    assert len(challenges) == 50 and {len(urlsafe_b64decode(challenge + "==")) for challenge in challenges} == {32}


def test_networks() -> None:
    assert network_of("198.51.100.7") == network_of("::ffff:198.51.7.9") == "198.51.0.0/16"
    assert network_of("2001:db8:1::1") == network_of("2001:db8:ff::9") != network_of("2001:db8:100::1")
    assert network_of(None) == "" and network_of("unix") == "unix"

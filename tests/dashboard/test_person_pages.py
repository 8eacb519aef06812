"""Accounts from outside and from inside, over plain HTTP: forms, refusals, and what nobody may learn or do."""

import re
from datetime import timedelta
from html import unescape

import httpx
import pyotp
import pytest

from crypto_api.identity import store as identities
from crypto_api.identity.documents import EthereumAccount, OneTimePurpose, OneTimeToken, Passkey, Session, User
from crypto_api.identity.types import Factor
from crypto_api.kit.ids import new_id
from crypto_api.organizations.documents import Organization
from crypto_api.organizations.types import Role
from crypto_api.runtime import Runtime
from tests.dashboard.conftest import Post, Site, log_in, send, token
from tests.factories.authenticator import Authenticator
from tests.factories.treasury import PASSWORD, Treasury

NEW_PASSWORD = "violet-anchor-57-meadow"
PERSON_PAGES = ["/profile/", "/security/", "/security/password/", "/security/totp/", "/security/passkeys/add/", "/security/ethereum/link/"]
PERSON_PAGES += ["/security/sessions/", "/confirm/"]
OPEN_PAGES = ["/login/", "/register/", "/register/check-mail/", "/verify-email/", "/forgot-password/", "/reset-password/?token=x"]
CHANGES = ["/security/totp/begin/", "/security/totp/remove/", "/security/recovery-codes/", "/profile/email/", "/security/passkeys/x/remove/"]
CHANGES += ["/security/ethereum/x/remove/"]
ASKED_BY_SCRIPTS = ["/login/passkey/", "/login/ethereum/challenge/", "/login/ethereum/", "/confirm/passkey/", "/security/passkeys/options/"]
ASKED_BY_SCRIPTS += ["/security/passkeys/", "/security/ethereum/challenge/", "/security/ethereum/"]
PERSON = {"first_name": "Nora", "last_name": "Quist", "email": "nora@coffer.example", "username": "nora", "password": NEW_PASSWORD}


def words(answer: httpx.Response) -> str:
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text)))


async def no_longer_fresh(user: User) -> None:
    """The log-in was a while ago, so that changes ask for a confirmation."""
    await Session.get_pymongo_collection().update_many({"user_id": user.id}, {"$set": {"authenticated_at": None}})


async def turn_totp_on(visitor: httpx.AsyncClient) -> tuple[str, list[str]]:
    """The secret and the recovery codes of whoever is logged in."""
    await send(visitor, "/security/totp/begin/", "/profile/")
    page = (await visitor.get("/security/totp/")).text
    secret = page.split('data-copy="', 1)[1].split('"', 1)[0]
    codes = (await send(visitor, "/security/totp/", otp=pyotp.TOTP(secret).now())).text
    return secret, re.findall(r'<li class="mono">([^<]+)</li>', codes)


async def fresh_code(secret: str, user: User) -> str:
    """A code that was not used yet: of the same half minute, as the store knows it."""
    await User.get_pymongo_collection().update_one({"_id": user.id}, {"$set": {"totp.last_step": 0}})
    return pyotp.TOTP(secret).now()


# ---- registering ------------------------------------------------------------------------------------------------------------------


async def test_what_is_wrong_with_a_registration_stands_at_its_field_and_what_was_typed_stays(visitor: httpx.AsyncClient) -> None:
    typed = {
        "first_name": "",
        "last_name": "Q" * 90,
        "email": "nora",
        "username": "N!",
        "password": "secret-typed",
        "organization_name": "Quist & Co",
    }
    answer = await send(visitor, "/register/", **typed)
    assert answer.status_code == 422
    for text in ("The first name is needed.", "has more than 80 characters", "is not an e-mail address", "The user name does not"):
        assert text in words(answer)
    assert 'value="Quist &amp; Co"' in answer.text and "secret-typed" not in answer.text
    for field in ("first_name", "last_name", "email", "username"):
        assert f'aria-describedby="{field}-error' in answer.text and f'id="{field}-error"' in answer.text


async def test_a_weak_password_is_refused_with_the_reason(visitor: httpx.AsyncClient) -> None:
    answer = await send(visitor, "/register/", **PERSON | {"password": "password1"})
    assert answer.status_code == 422 and "The password is too weak" in words(answer)
    assert await identities.user_by_username("nora") is None


async def test_registering_tells_nobody_who_has_an_account(visitor: httpx.AsyncClient, treasury: Treasury, post: Post) -> None:
    known = await send(visitor, "/register/", **PERSON | {"email": treasury.admin.email, "username": "somebody.else"})
    seen = (await visitor.get("/register/check-mail/")).text.replace(treasury.admin.email, "ADDRESS")
    unknown = await send(visitor, "/register/", **PERSON)
    assert known.status_code == unknown.status_code == 302
    assert known.headers["location"] == unknown.headers["location"] == "/register/check-mail/"
    page = (await visitor.get("/register/check-mail/")).text.replace(PERSON["email"], "ADDRESS")
    csrf = re.compile(r'csrfmiddlewaretoken" value="[^"]+"')
    assert csrf.sub("", page) == csrf.sub("", seen)
    assert "You have one already" in await post.to(treasury.admin.email)
    assert "/verify-email/?token=" in await post.to(PERSON["email"])
    taken = await send(visitor, "/register/", **PERSON | {"email": "other@coffer.example"})
    assert taken.status_code == 409 and "The user name is taken" in words(taken)


async def test_a_new_person_founds_an_organisation_and_gets_in_once_the_address_is_verified(visitor: httpx.AsyncClient, post: Post) -> None:
    await send(visitor, "/register/", **PERSON | {"organization_name": "Quist & Co"})
    refused = await log_in(visitor, PERSON["email"], password=NEW_PASSWORD)
    assert refused.status_code == 403 and "not verified yet" in words(refused) and "Send the letter again" in refused.text
    assert await identities.user_by_email(PERSON["email"]) is not None
    resent = await send(visitor, "/verify-email/resend/", "/login/", email=PERSON["email"])
    assert resent.headers["location"] == "/register/check-mail/?again=1"
    link = await post.link_to(PERSON["email"])
    assert "Address verified" in (await send(visitor, "/verify-email/", link, token=link.split("=")[1])).text
    assert (await log_in(visitor, "nora", password=NEW_PASSWORD)).headers["location"] == "/"
    assert "Quist &amp; Co" in (await visitor.get("/")).text


async def test_an_invitation_is_kept_until_the_first_log_in(visitor: httpx.AsyncClient, post: Post) -> None:
    form = (await visitor.get("/register/?invitation=inv-token")).text
    assert 'name="invitation" value="inv-token"' in form and "organization_name" not in form
    await send(visitor, "/register/", "/register/?invitation=inv-token", invitation="inv-token", **PERSON | {"organization_name": "Sneaked in"})
    link = await post.link_to(PERSON["email"])
    done = await send(visitor, "/verify-email/", link, token=link.split("=")[1])
    assert "/login/?next=%2Finvitations%2Faccept%2F%3Ftoken%3Dinv-token" in done.text
    assert await Organization.find({"name": "Sneaked in"}).count() == 0


async def test_the_letter_is_sent_again_without_telling_whether_there_is_an_account(visitor: httpx.AsyncClient, treasury: Treasury) -> None:
    answers = [await send(visitor, "/verify-email/resend/", "/login/", email=address) for address in (treasury.admin.email, "nobody@coffer.example")]
    assert {(answer.status_code, answer.headers["location"]) for answer in answers} == {(302, "/register/check-mail/?again=1")}
    assert (await send(visitor, "/verify-email/resend/", "/login/", email="no address")).status_code == 422


# ---- logging in --------------------------------------------------------------------------------------------------------------------


async def test_whoever_tries_too_often_is_told_how_long_to_wait_and_the_known_device_is_let_in(visitor: httpx.AsyncClient, site: Site) -> None:
    await log_in(visitor)
    await visitor.post("/logout/", data={"csrfmiddlewaretoken": await token(visitor, "/profile/")})
    async with httpx.AsyncClient(base_url=site.url, headers={"Origin": site.url}) as stranger:
        answers = [await log_in(stranger, password="wrong") for _ in range(6)]
        refused = await log_in(stranger)  # the right password is no help while the door is shut
        assert {answer.status_code for answer in answers[:4]} == {401}
        assert refused.status_code == 429 and int(refused.headers["retry-after"]) >= 1
        assert f"Try again in {refused.headers['retry-after']} second" in words(refused) and "data-wait=" in refused.text
    assert (await log_in(visitor)).status_code == 302


async def test_somebody_suspended_is_told_so_after_the_right_password_only(visitor: httpx.AsyncClient, treasury: Treasury) -> None:
    await User.get_pymongo_collection().update_one({"_id": treasury.admin.id}, {"$set": {"suspended_at": treasury.now}})
    wrong, right = await log_in(visitor, password="wrong"), await log_in(visitor)
    assert "suspended" not in words(wrong) and wrong.status_code == 401
    assert "This account is suspended" in words(right) and right.status_code == 403


async def test_the_second_step_asks_for_a_code_and_forgives_a_slip(visitor: httpx.AsyncClient, treasury: Treasury) -> None:
    await log_in(visitor)
    secret, codes = await turn_totp_on(visitor)
    assert len(codes) == 10
    visitor.cookies.clear()
    first = await log_in(visitor, next="/journal/")
    assert first.headers["location"] == "/login/second-step/?next=%2Fjournal%2F"
    assert "coffer_session" not in visitor.cookies and (await visitor.get("/")).status_code == 302
    step = "/login/second-step/?next=/journal/"
    assert "The code is needed" in words(await send(visitor, "/login/second-step/", step))
    wrong = await send(visitor, "/login/second-step/", step, otp="000000", next="/journal/")
    assert wrong.status_code == 401 and "The code is wrong" in words(wrong)
    code, kept = await fresh_code(secret, treasury.admin), visitor.cookies["coffer_step"]
    csrf = {"csrfmiddlewaretoken": await token(visitor, step)}
    done = await visitor.post("/login/second-step/", data=csrf | {"otp": code, "next": "//evil.example/"})
    assert done.headers["location"] == "/" and (await visitor.get("/journal/")).status_code == 200
    row = await Session.find({"user_id": treasury.admin.id}).sort("-created_at").first_or_none()
    assert row is not None and row.factors == [Factor.PASSWORD, Factor.OTP]
    visitor.cookies.set("coffer_step", kept, path="/login/")  # somebody kept a copy
    again = await visitor.post("/login/second-step/", data=csrf | {"otp": codes[0]})
    assert again.status_code in (302, 403) and "coffer_session" not in again.headers.get("set-cookie", "")


async def test_a_recovery_code_opens_once(visitor: httpx.AsyncClient) -> None:
    await log_in(visitor)
    _, codes = await turn_totp_on(visitor)
    statuses = []
    for _ in range(2):
        visitor.cookies.clear()
        await log_in(visitor)
        statuses.append((await send(visitor, "/login/second-step/", otp=codes[3].upper())).status_code)
    assert statuses == [302, 401]


async def test_a_new_password_ends_what_was_begun_with_the_old_one(visitor: httpx.AsyncClient, treasury: Treasury) -> None:
    await log_in(visitor)
    secret, _ = await turn_totp_on(visitor)
    visitor.cookies.clear()
    await log_in(visitor)
    csrf = {"csrfmiddlewaretoken": await token(visitor, "/login/second-step/")}
    later = treasury.now + timedelta(days=1)
    await User.get_pymongo_collection().update_one({"_id": treasury.admin.id}, {"$set": {"password_changed_at": later}})
    answer = await visitor.post("/login/second-step/", data=csrf | {"otp": await fresh_code(secret, treasury.admin)})
    assert answer.headers["location"] == "/login/?why=too-late&next=%2F"
    assert "Log in again" in words(await visitor.get(answer.headers["location"]))


# ---- a forgotten password ----------------------------------------------------------------------------------------------------------


async def test_a_forgotten_password_is_replaced_by_mail(visitor: httpx.AsyncClient, treasury: Treasury, post: Post) -> None:
    await log_in(visitor)
    cookie = visitor.cookies["coffer_session"]
    visitor.cookies.clear()
    answers = [await send(visitor, "/forgot-password/", email=address) for address in (treasury.admin.email, "nobody@coffer.example")]
    assert {answer.headers["location"] for answer in answers} == {"/forgot-password/?sent=1"}
    link = await post.link_to(treasury.admin.email)
    secret = link.split("=")[1]
    differs = await send(visitor, "/reset-password/", link, token=secret, new_password=NEW_PASSWORD, again=NEW_PASSWORD + "x")
    weak = await send(visitor, "/reset-password/", link, token=secret, new_password="password1", again="password1")
    assert "is not the same as the first" in words(differs) and "The new password is too weak" in words(weak)
    done = await send(visitor, "/reset-password/", link, token=secret, new_password=NEW_PASSWORD, again=NEW_PASSWORD)
    assert "Password saved" in done.text
    again = await send(visitor, "/reset-password/", link, token=secret, new_password=NEW_PASSWORD, again=NEW_PASSWORD)
    assert again.status_code == 422 and "was used already" in words(again)
    visitor.cookies.set("coffer_session", cookie)
    assert (await visitor.get("/security/")).status_code == 302  # it ended
    assert (await log_in(visitor, password=NEW_PASSWORD)).status_code == 302


# ---- the person themselves ---------------------------------------------------------------------------------------------------------


async def test_the_profile_is_saved_unless_it_was_changed_elsewhere(visitor: httpx.AsyncClient, treasury: Treasury) -> None:
    await treasury.member("Eve", "Berg", Role.USER)
    await log_in(visitor)
    old = re.search(r'name="version" value="(\d+)"', (await visitor.get("/profile/")).text)
    assert old is not None
    names = {"first_name": "Ada", "last_name": "Lovelace", "username": "ada"}
    saved = await send(visitor, "/profile/", version=old[1], **names)
    assert saved.headers["location"] == "/profile/?done=saved"
    stale = await send(visitor, "/profile/", version=old[1], **names | {"last_name": "Stale"})
    assert stale.status_code == 412 and "changed elsewhere" in words(stale) and 'value="Lovelace"' in stale.text
    now = re.search(r'name="version" value="(\d+)"', stale.text)
    assert now is not None
    taken = await send(visitor, "/profile/", version=now[1], **names | {"username": "eve.berg"})
    assert taken.status_code == 409 and "The user name is taken" in words(taken)
    odd = await send(visitor, "/profile/", version=now[1], **names | {"username": "-"})
    assert odd.status_code == 422
    assert (await identities.user(treasury.admin.id)).username == "ada"  # type: ignore[union-attr]


async def test_a_new_address_counts_once_its_link_was_opened(visitor: httpx.AsyncClient, treasury: Treasury, post: Post) -> None:
    await log_in(visitor)
    await send(visitor, "/profile/email/", "/profile/", new_email="ada@northwind.example")
    assert "ada@northwind.example waits for its link" in words(await visitor.get("/profile/"))
    await post.to("ada@northwind.example")
    kept = await send(visitor, "/profile/email/", "/profile/", new_email=treasury.admin.email)
    assert kept.headers["location"] == "/profile/?done=email-kept" and "waits for its link" not in words(await visitor.get("/profile/"))
    await send(visitor, "/profile/email/", "/profile/", new_email="ada@northwind.example")
    assert (await identities.user(treasury.admin.id)).email == treasury.admin.email  # type: ignore[union-attr]
    link = await post.link_to("ada@northwind.example")
    done = await send(visitor, "/verify-email/", link, token=link.split("=")[1])
    assert "To your profile" in done.text
    assert (await identities.user(treasury.admin.id)).email == "ada@northwind.example"  # type: ignore[union-attr]


async def test_changing_the_password_ends_the_other_sessions(visitor: httpx.AsyncClient, site: Site) -> None:
    async with httpx.AsyncClient(base_url=site.url, headers={"Origin": site.url}) as other:
        await log_in(other)
        await log_in(visitor)
        body = {"current_password": "wrong", "new_password": NEW_PASSWORD, "again": NEW_PASSWORD}
        wrong = await send(visitor, "/security/password/", **body)
        assert wrong.status_code == 422 and "The present password is wrong." in words(wrong) and NEW_PASSWORD not in wrong.text
        done = await send(visitor, "/security/password/", **body | {"current_password": PASSWORD})
        assert done.headers["location"] == "/security/?done=password"
        assert (await visitor.get("/")).status_code == 200 and (await other.get("/")).status_code == 302


# ---- confirming --------------------------------------------------------------------------------------------------------------------


async def test_changes_of_how_one_gets_in_ask_for_a_confirmation(visitor: httpx.AsyncClient, treasury: Treasury) -> None:
    await log_in(visitor)
    await no_longer_fresh(treasury.admin)
    for path in CHANGES:
        assert (await visitor.post(path)).status_code == 403, path  # a form of another site
        answer = await send(visitor, path, "/profile/", new_email="ada@northwind.example")
        assert answer.status_code == 302 and answer.headers["location"].startswith("/confirm/?purpose=security&next=%2F"), path
    user = await identities.user(treasury.admin.id)
    assert user is not None and user.totp is None and user.pending_email is None


async def test_a_confirmation_leads_back_and_is_revoked(visitor: httpx.AsyncClient, treasury: Treasury) -> None:
    await log_in(visitor)
    await no_longer_fresh(treasury.admin)
    asked = (await visitor.get("/security/totp/")).headers["location"]
    assert asked == "/confirm/?purpose=security&next=%2Fsecurity%2Ftotp%2F"
    fields = {"purpose": "security", "next": "/security/totp/"}
    assert "The password is needed." in words(await send(visitor, "/confirm/", asked, **fields))
    assert "The password is wrong." in words(await send(visitor, "/confirm/", asked, password="wrong", **fields))
    done = await send(visitor, "/confirm/", asked, password=PASSWORD, **fields)
    assert done.headers["location"] == "/security/totp/" and (await visitor.get("/security/totp/")).status_code == 200
    assert "Changing how you get in" in (await visitor.get("/security/")).text
    elsewhere = await send(visitor, "/confirm/", asked, password=PASSWORD, purpose="keys", next="https://evil.example/")
    assert elsewhere.headers["location"] == "/"
    await send(visitor, "/confirm/revoke/", "/security/")
    assert (await visitor.get("/security/totp/")).status_code == 302
    assert "This session is approved" not in (await visitor.get("/security/")).text


async def test_a_person_with_a_second_factor_shows_it_to_confirm(visitor: httpx.AsyncClient, treasury: Treasury) -> None:
    await log_in(visitor)
    secret, _ = await turn_totp_on(visitor)
    await no_longer_fresh(treasury.admin)
    without = await send(visitor, "/confirm/", password=PASSWORD)
    assert without.status_code == 422 and "The code is needed." in words(without)
    done = await send(visitor, "/confirm/", password=PASSWORD, otp=await fresh_code(secret, treasury.admin), next="/security/")
    assert done.headers["location"] == "/security/"
    off = await send(visitor, "/security/totp/remove/", "/security/")
    assert off.headers["location"] == "/security/?done=totp-off"
    assert (await identities.user(treasury.admin.id)).totp is None  # type: ignore[union-attr]


async def test_where_a_second_factor_is_required_every_page_leads_to_setting_it_up(visitor: httpx.AsyncClient, treasury: Treasury) -> None:
    await Organization.get_pymongo_collection().update_one({"_id": treasury.org_id}, {"$set": {"second_factor_roles": [Role.ADMIN]}})
    await log_in(visitor)
    assert (await visitor.get("/wallets/")).headers["location"] == "/security/"
    assert "asks your role for a second factor" in (await visitor.get("/security/")).text
    await turn_totp_on(visitor)
    assert (await visitor.get("/wallets/")).status_code == 200
    assert "asks your role for a second factor" not in (await visitor.get("/security/")).text


# ---- passkeys and Ethereum accounts ------------------------------------------------------------------------------------------------


async def test_at_an_address_passkeys_are_explained_instead_of_offered(visitor: httpx.AsyncClient) -> None:
    assert 'data-impossible="Passkeys belong to a name' in (await visitor.get("/login/")).text
    await log_in(visitor)
    assert "Passkeys belong to a name" in (await visitor.get("/security/")).text
    headers = {"X-CSRFToken": await token(visitor, "/profile/")}
    answer = await visitor.post("/security/passkeys/options/", json={"name": "x"}, headers=headers)
    assert answer.status_code == 409 and "host name" in answer.json()["problem"]


@pytest.mark.parametrize("host", ["localhost"])
async def test_a_passkey_is_added_used_renamed_and_removed(host: str, visitor: httpx.AsyncClient, site: Site, treasury: Treasury) -> None:
    device = Authenticator(site.url)
    await log_in(visitor)
    headers = {"X-CSRFToken": await token(visitor, "/profile/")}
    options = (await visitor.post("/security/passkeys/options/", json={"name": "Laptop"}, headers=headers)).json()
    added = await visitor.post("/security/passkeys/", json={"name": "Laptop", "credential": device.create(options)}, headers=headers)
    assert added.json() == {"location": "/security/?done=passkey-added#passkeys"}
    (key,) = await Passkey.find({"user_id": treasury.admin.id}).to_list()
    renamed = await send(visitor, f"/security/passkeys/{key.id}/", name="Blue key")
    assert renamed.status_code == 302 and "Blue key" in (await visitor.get("/security/")).text
    assert "The name is needed." in words(await send(visitor, f"/security/passkeys/{key.id}/", name=" "))

    visitor.cookies.clear()
    headers = {"X-CSRFToken": await token(visitor)}
    options = (await visitor.post("/login/passkey/options/", json={}, headers=headers)).json()
    body = {"credential": device.get(options), "next": "https://evil.example/"}
    assert (await visitor.post("/login/passkey/", json=body, headers=headers)).json() == {"location": "/"}
    assert (await visitor.get("/wallets/")).status_code == 200
    headers = {"X-CSRFToken": await token(visitor, "/profile/")}
    replayed = await visitor.post("/login/passkey/", json=body, headers=headers)
    assert replayed.status_code == 401 and "opens no account here" in replayed.json()["problem"]

    await no_longer_fresh(treasury.admin)
    assert (await visitor.post("/security/passkeys/options/", json={"name": "x"}, headers=headers)).json()["location"].startswith("/confirm/")
    asked = {"purpose": "security", "next": f"/security/passkeys/{key.id}/"}
    options = (await visitor.post("/confirm/passkey/options/", json=asked, headers=headers)).json()
    confirmed = await visitor.post("/confirm/passkey/", json=asked | {"credential": device.get(options)}, headers=headers)
    assert confirmed.json() == {"location": asked["next"]}
    gone = await send(visitor, f"/security/passkeys/{key.id}/remove/", "/profile/")
    assert gone.headers["location"] == "/security/?done=passkey-removed#passkeys"
    assert (await visitor.get(f"/security/passkeys/{key.id}/")).status_code == 404


async def test_what_belongs_to_others_cannot_be_touched(visitor: httpx.AsyncClient, treasury: Treasury) -> None:
    eve = await treasury.member("Eve", "Berg", Role.USER)
    key = Passkey(id="k" * 22, created_at=treasury.now, user_id=eve.id, name="Eve's key", public_key=b"x", sign_count=0)
    account = EthereumAccount(id="eip155:1:0xeve", created_at=treasury.now, user_id=eve.id, address="0xEve", chain_id=1)
    theirs = Session(id=new_id("ses"), created_at=treasury.now, user_id=eve.id, org_id=treasury.org_id, refresh_hash="x", expires_at=treasury.now)
    theirs.expires_at += timedelta(days=1)
    for row in (key, account, theirs):
        await row.insert()
    await log_in(visitor)
    assert (await visitor.get(f"/security/passkeys/{key.id}/")).status_code == 404
    assert (await send(visitor, f"/security/passkeys/{key.id}/", "/profile/", name="Mine")).status_code == 404
    assert (await send(visitor, f"/security/passkeys/{key.id}/remove/", "/profile/")).status_code == 404
    assert (await send(visitor, f"/security/ethereum/{account.id}/remove/", "/profile/")).status_code == 404
    await send(visitor, f"/security/sessions/{theirs.id}/end/", "/profile/")
    await send(visitor, "/security/sessions/end-others/", "/profile/")
    assert (await Session.get(theirs.id)).ended_at is None  # type: ignore[union-attr]
    assert (await Passkey.get(key.id)).name == "Eve's key" and await EthereumAccount.get(account.id) is not None  # type: ignore[union-attr]


HOSTILE = [b"", b"null", b"[]", b"{", b'{"a":' * 300 + b"1" + b"}" * 300, b'{"address":{"$ne":1},"message":[],"signature":null,"chain_id":true}']
HOSTILE += [b'{"credential":{"type":"public-key","id":"x","rawId":[],"response":{}},"name":"\\u0000","purpose":{}}', b'{"next":[1],"purpose":7}']


async def test_what_a_script_would_never_send_is_refused_in_words(visitor: httpx.AsyncClient) -> None:
    await log_in(visitor)
    headers = {"X-CSRFToken": await token(visitor, "/profile/"), "Content-Type": "application/json"}
    for path in ASKED_BY_SCRIPTS:
        for body in HOSTILE:
            answer = await visitor.post(path, content=body, headers=headers)
            assert 400 <= answer.status_code < 500, (path, body)
            assert answer.json().get("problem") or answer.json()["title"], (path, body)  # the view's, or the edge's in front of it
        assert (await visitor.post(path, content=b"{}", headers={"Content-Type": "application/json"})).status_code == 403, path


# ---- all of them -------------------------------------------------------------------------------------------------------------------


async def test_pages_are_for_whom_they_are_and_kept_nowhere_and_hold_no_script_or_style_of_their_own(visitor: httpx.AsyncClient) -> None:
    for path in [*OPEN_PAGES, *PERSON_PAGES]:
        answer = await visitor.get(path)
        if path in PERSON_PAGES and "coffer_session" not in visitor.cookies:
            assert answer.status_code == 302 and answer.headers["location"].startswith("/login/?next="), path
            await log_in(visitor)
            answer = await visitor.get(path)
            visitor.cookies.delete("coffer_session")
        assert answer.status_code == 200 and answer.headers["cache-control"] == "no-store", path
        assert " style=" not in answer.text and "<style" not in answer.text and " onclick" not in answer.text, path


async def test_a_session_is_told_and_ended(visitor: httpx.AsyncClient, site: Site, treasury: Treasury) -> None:
    headers = {"Origin": site.url, "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}
    async with httpx.AsyncClient(base_url=site.url, headers=headers) as other:
        await log_in(other)
        await log_in(visitor)
        page = (await visitor.get("/security/")).text
        assert "Firefox on Linux" in page and page.count("this one") == 1
        (path,) = set(re.findall(r'action="(/security/sessions/[^"]+/end/)"', page))
        await send(visitor, path, "/security/")
        assert (await other.get("/")).status_code == 302 and (await visitor.get("/")).status_code == 200


async def test_a_person_with_everything_in_excess_still_has_a_page(visitor: httpx.AsyncClient, treasury: Treasury, runtime: Runtime) -> None:
    now = runtime.clock.now()
    await User.get_pymongo_collection().update_one({"_id": treasury.admin.id}, {"$set": {"first_name": "M" * 200, "last_name": "<b>L</b>" * 25}})
    for number in range(40):
        row = Session(id=new_id("ses"), created_at=now, user_id=treasury.admin.id, org_id=None, refresh_hash=str(number), expires_at=now)
        row.expires_at, row.user_agent = now + timedelta(days=1), "<script>" * 40
        await row.insert()
    await log_in(visitor)
    for path in ("/security/", "/security/sessions/", "/profile/"):
        answer = await visitor.get(path)
        assert answer.status_code == 200 and "<b>L" not in answer.text and "<script><" not in answer.text
    assert "41 sessions" in words(await visitor.get("/security/sessions/"))
    assert await OneTimeToken.find({"purpose": OneTimePurpose.SECOND_STEP}).count() == 0


async def test_whoever_has_no_password_is_not_asked_for_one(visitor: httpx.AsyncClient, treasury: Treasury) -> None:
    await log_in(visitor)
    await User.get_pymongo_collection().update_one({"_id": treasury.admin.id}, {"$set": {"password_hash": None}})
    security, confirm = await visitor.get("/security/"), await visitor.get("/confirm/")
    assert "Choose one by mail" in security.text and (await visitor.get("/security/password/")).status_code == 302
    assert 'type="password"' not in confirm.text and "Log in anew" in words(confirm)


async def test_nobody_removes_their_last_way_in(visitor: httpx.AsyncClient, treasury: Treasury) -> None:
    now, user = treasury.now, treasury.admin
    await log_in(visitor)
    await User.get_pymongo_collection().update_one({"_id": user.id}, {"$set": {"password_hash": None}})
    await Passkey(id="k" * 22, created_at=now, user_id=user.id, name="Laptop", public_key=b"x", sign_count=0).insert()
    refused = await send(visitor, f"/security/passkeys/{'k' * 22}/remove/", "/profile/")
    assert refused.status_code == 409 and "Nothing else opens this account" in words(refused)
    account = await EthereumAccount(id="eip155:1:0x1", created_at=now, user_id=user.id, address="0x1", chain_id=1).insert()
    assert (await send(visitor, f"/security/passkeys/{'k' * 22}/remove/", "/profile/")).status_code == 302
    kept = await send(visitor, f"/security/ethereum/{account.id}/remove/", "/profile/")
    assert "Nothing else opens this account" in words(await visitor.get(kept.headers["location"]))
    assert await Passkey.find_all().count() == 0 and await EthereumAccount.find_all().count() == 1

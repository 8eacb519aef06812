"""Who gets which page, and what forms do, over plain HTTP."""

import re
from datetime import timedelta

import httpx
import orjson
import pytest
from django.test import override_settings

from crypto_api.adapters.key_parcel import make_parcel
from crypto_api.identity import service as identity
from crypto_api.identity.types import NewUser
from crypto_api.organizations.types import Role
from crypto_api.protocols.safes import Call
from crypto_api.runtime import Runtime
from crypto_api.transactions.types import Agreement, Booking, Direction, Finality, MovementKind
from crypto_api.wallets import store as wallets
from crypto_api.wallets.documents import Wallet
from tests.dashboard.conftest import log_in, token
from tests.factories.treasury import PASSWORD, Treasury, address_of, new_treasury
from tests.http.test_transaction_actions import ABI, CALL, OTHER, POOL, SWAP, USDC, register
from tests.protocols.test_doings import bundled

PAGES = ["/", "/transactions/", "/wallets/", "/wallets/add/", "/journal/", "/trial-balance/"]
FRAGMENTS = [
    "overview/figures/",
    "overview/balances/",
    "overview/movements/",
    "overview/networks/",
    "overview/value/",
    "wallets/",
    "transactions/",
    "journal/",
    "trial-balance/",
]


@pytest.mark.parametrize("path", PAGES)
async def test_nobody_sees_a_page_without_logging_in(visitor: httpx.AsyncClient, path: str) -> None:
    answer = await visitor.get(path, params={"q": "x"})
    assert answer.status_code == 302
    assert answer.headers["location"] == str(httpx.URL("/login/", params={"next": f"{path}?q=x"}))


@pytest.mark.parametrize("path", FRAGMENTS)
async def test_a_fragment_sends_the_whole_page_to_the_log_in(visitor: httpx.AsyncClient, path: str) -> None:
    answer = await visitor.get(f"/fragments/{path}", headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["hx-redirect"], answer.text) == (401, "/login/", "")


async def test_log_in_sets_a_cookie_that_no_script_reads(visitor: httpx.AsyncClient) -> None:
    answer = await log_in(visitor, next="/journal/")
    assert (answer.status_code, answer.headers["location"]) == (302, "/journal/")
    cookie = next(value for value in answer.headers.get_list("set-cookie") if value.startswith("coffer_session="))
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert (await visitor.get("/journal/")).status_code == 200


async def test_over_tls_every_cookie_is_of_this_host_alone(visitor: httpx.AsyncClient, treasury: Treasury) -> None:
    """What the browser is told, and that a cookie under the plain name, which another host or a page without TLS could set, is nobody's."""
    secure = {"SESSION_COOKIE_SECURE": True, "CSRF_COOKIE_SECURE": True, "CSRF_COOKIE_NAME": "__Host-csrftoken"}
    with override_settings(**secure):
        page = await visitor.get("/login/")
        form = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
        csrf = page.headers["set-cookie"].partition(";")[0]
        assert form is not None and csrf.startswith("__Host-csrftoken=")
        body = {"csrfmiddlewaretoken": form[1], "name": "ada.okafor", "password": PASSWORD}
        plain = await visitor.post("/login/", data=body, headers={"Cookie": csrf.removeprefix("__Host-")})
        assert plain.status_code == 403
        answer = await visitor.post("/login/", data=body, headers={"Cookie": csrf})
        assert answer.status_code == 302, answer.text
        cookies = {value.partition("=")[0]: value for value in answer.headers.get_list("set-cookie")}
        assert {"__Host-coffer_session", "__Host-coffer_device", "__Host-csrftoken"} <= cookies.keys()
        for name, value in cookies.items():
            parts = {part.strip().partition("=")[0] for part in value.split(";")}
            assert name.startswith("__Host-") and "Path=/;" in f"{value};" and {"Secure", "SameSite"} <= parts and "Domain" not in parts, value
            assert len(value.encode()) < 4096  # RFC 6265, 6.1: more is dropped without a word
        session = cookies["__Host-coffer_session"].partition(";")[0]
        assert (await visitor.get("/journal/", headers={"Cookie": session})).status_code == 200
        assert (await visitor.get("/journal/", headers={"Cookie": session.removeprefix("__Host-")})).status_code == 302
    assert (await visitor.get("/journal/", headers={"Cookie": session})).status_code == 302  # without TLS no browser keeps one of that name


async def test_a_log_in_ends_the_session_that_the_browser_had(visitor: httpx.AsyncClient) -> None:
    await log_in(visitor)
    former = visitor.cookies["coffer_session"]
    body = {"csrfmiddlewaretoken": await token(visitor, "/profile/"), "name": "ada.okafor", "password": PASSWORD}
    assert (await visitor.post("/login/", data=body)).status_code == 302
    assert visitor.cookies["coffer_session"] != former and (await visitor.get("/journal/")).status_code == 200
    visitor.cookies.set("coffer_session", former)
    assert (await visitor.get("/journal/")).status_code == 302


async def test_a_page_goes_when_its_session_ends_though_nobody_tells_it(visitor: httpx.AsyncClient) -> None:
    await log_in(visitor)
    (ends_s,) = re.findall(r'data-session-ends="(\d+)"', (await visitor.get("/journal/")).text)
    assert 86_000 < int(ends_s) <= 86_400
    visitor.cookies.clear()
    assert "data-session-ends" not in (await visitor.get("/login/")).text


@pytest.mark.parametrize("name", ["ada.okafor", "Ada.Okafor@coffer.example"])
async def test_name_or_address_both_log_in(visitor: httpx.AsyncClient, name: str) -> None:
    assert (await log_in(visitor, name)).status_code == 302


@pytest.mark.parametrize("wanted", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "http:evil"])
async def test_log_in_leads_nowhere_else(visitor: httpx.AsyncClient, wanted: str) -> None:
    assert (await log_in(visitor, next=wanted)).headers["location"] == "/"


@pytest.mark.parametrize(("name", "password"), [("ada.okafor", "no-such-secret"), ("nobody", PASSWORD)])
async def test_a_wrong_name_and_a_wrong_password_read_alike(visitor: httpx.AsyncClient, name: str, password: str) -> None:
    answer = await log_in(visitor, name, password=password)
    assert answer.status_code == 401
    assert "The name or the password is wrong." in answer.text
    assert password not in answer.text and "coffer_session" not in answer.headers.get("set-cookie", "")


async def test_empty_fields_are_named(visitor: httpx.AsyncClient) -> None:
    answer = await log_in(visitor, " ", password="")
    assert answer.status_code == 422
    assert "Enter your password." in answer.text and "Enter your e-mail address or user name." in answer.text


async def test_log_out_ends_the_session_itself(visitor: httpx.AsyncClient) -> None:
    await log_in(visitor)
    cookie = visitor.cookies["coffer_session"]
    answer = await visitor.post("/logout/", data={"csrfmiddlewaretoken": await token(visitor, "/")})
    assert answer.headers["location"] == "/login/"
    visitor.cookies.set("coffer_session", cookie)  # somebody kept a copy
    assert (await visitor.get("/")).status_code == 302


async def test_a_form_of_another_site_changes_nothing(visitor: httpx.AsyncClient, treasury: Treasury) -> None:
    await log_in(visitor)
    body = {"name": "Planted", "wallet_type": "watch", "network": "local", "address": address_of("planted")}
    answer = await visitor.post("/wallets/add/", data=body)
    assert answer.status_code == 403 and "This form has expired" in answer.text
    assert await wallets.active(treasury.org_id) == []


async def test_the_policy_of_every_page_is_strict(visitor: httpx.AsyncClient) -> None:
    await log_in(visitor)
    for path in [*PAGES, "/nowhere/"]:
        answer = await visitor.get(path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy
        assert " style=" not in answer.text and "<style" not in answer.text and " onclick" not in answer.text, path
        assert answer.status_code == 404 or answer.headers["cache-control"] == "no-store"


async def test_an_employee_sees_what_is_missing_and_nothing_else(visitor: httpx.AsyncClient, treasury: Treasury) -> None:
    await treasury.member("Eve", "Berg", Role.USER)
    await treasury.wallet("Operations")
    await log_in(visitor, "eve.berg")
    for path in PAGES[1:]:
        answer = await visitor.get(path)
        assert answer.status_code == 403 and "Not for your role" in answer.text and "Operations" not in answer.text
    home = await visitor.get("/")
    assert home.status_code == 200 and "You are Employee of Northwind Digital" in home.text and "Operations" not in home.text


async def test_an_auditor_reads_and_changes_nothing(visitor: httpx.AsyncClient, treasury: Treasury) -> None:
    await treasury.member("Aud", "Itor", Role.AUDITOR)
    wallet = await treasury.wallet("Operations")
    await log_in(visitor, "aud.itor")
    page = (await visitor.get("/wallets/")).text
    assert "Operations" in page and "Add a wallet" not in page and "Stop watching" not in page
    csrf = {"csrfmiddlewaretoken": await token(visitor, "/")}
    assert (await visitor.post(f"/wallets/{wallet.id}/remove/", data=csrf)).status_code == 403
    assert (await visitor.post(f"/wallets/{wallet.id}/monitor/", data=csrf | {"enabled": "false"})).status_code == 403
    assert [row.monitoring_enabled for row in await wallets.active(treasury.org_id)] == [True]


async def test_what_belongs_to_others_is_not_there(visitor: httpx.AsyncClient, treasury: Treasury, runtime: Runtime) -> None:
    other = await new_treasury(runtime.uow, name="Somebody else", first="Bo", last="Lind")
    wallet = await other.wallet("Secret vault")
    row = await other.record(other.transaction([other.movement(wallet, Direction.IN, "1", "ETH", other="x", value="3000")], other.now))
    entry = await other.opening(wallet, "ETH", "1", "3000", other.now)
    await log_in(visitor)
    pairs = [
        (f"/transactions/{row.id}/", f"/transactions/{row.id}x/"),
        (f"/journal/{entry.id}/", "/journal/je_none/"),
        (f"/wallets/{wallet.id}/", "/wallets/wal_none/"),
    ]
    for foreign, absent in pairs:
        theirs, none = await visitor.get(foreign), await visitor.get(absent)
        assert theirs.status_code == none.status_code == 404
        assert theirs.content == none.content
    for path in PAGES:
        assert "Secret vault" not in (await visitor.get(path)).text
    csrf = {"csrfmiddlewaretoken": await token(visitor, "/")}
    assert (await visitor.post(f"/wallets/{wallet.id}/remove/", data=csrf)).status_code == 404
    assert (await Wallet.get(wallet.id)).active  # type: ignore[union-attr]


async def parcel(runtime: Runtime, secret: str) -> str:
    """As the page's script makes it."""
    return make_parcel(bytearray(orjson.dumps(secret)), await runtime.signer.public_key())


async def test_a_stored_key_is_sealed_and_never_comes_back(visitor: httpx.AsyncClient, treasury: Treasury, runtime: Runtime) -> None:
    await log_in(visitor)
    key = "ab" * 32
    csrf = await token(visitor, "/wallets/add/")
    body = {"csrfmiddlewaretoken": csrf, "wallet_type": "private_key", "network": "local", "private_key": await parcel(runtime, key)}
    refused = await visitor.post("/wallets/add/", data=body)
    assert refused.status_code == 422 and "The name is needed." in refused.text
    assert key not in refused.text and body["private_key"] not in refused.text
    clear = await visitor.post("/wallets/add/", data=body | {"name": "Payroll", "private_key": key})
    assert clear.status_code == 422 and "must be sealed to the signer" in clear.text.replace("&#x27;", "'") and key not in clear.text
    accepted = await visitor.post("/wallets/add/", data=body | {"name": "Payroll"})
    assert accepted.headers["location"] == "/wallets/?done=added"
    (wallet,) = await wallets.active(treasury.org_id)
    assert wallet.sealed_key is not None and key not in str(wallet.sealed_key) and not wallet.monitoring_enabled
    assert key not in (await visitor.get("/wallets/")).text


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"address": "0x12"}, "The address must be 0x followed by 40 hexadecimal digits."),
        ({"address": "0x" + "0" * 40}, "zero address"),
        ({"network": "mars"}, "The network is not a network of this installation."),
        ({"wallet_type": "ledger"}, "The kind is not one of those offered."),
        ({"name": "n" * 81}, "The name has more than 80 characters."),
        ({"wallet_type": "private_key"}, "The private key is needed."),
        ({"wallet_type": "private_key", "sealed": "xyz"}, "The private key is not a secp256k1 private key"),
        ({"wallet_type": "private_key", "sealed": "ab" * 32}, "The address is not the address of this private key."),
        ({"wallet_type": "private_key", "keystore": "{}"}, "The password is needed."),
    ],
)
async def test_what_is_wrong_stands_at_its_field(
    visitor: httpx.AsyncClient, treasury: Treasury, runtime: Runtime, changes: dict[str, str], text: str
) -> None:
    await log_in(visitor)
    body = {"name": "Operations", "wallet_type": "watch", "network": "local", "address": address_of("operations")} | changes
    if secret := body.pop("sealed", None):
        body["private_key"] = await parcel(runtime, secret)
    answer = await visitor.post("/wallets/add/", data=body | {"csrfmiddlewaretoken": await token(visitor, "/wallets/add/")})
    assert answer.status_code == 422 and text in answer.text.replace("&#x27;", "'")
    assert await wallets.active(treasury.org_id) == []


async def test_the_same_address_twice_is_refused_in_words(visitor: httpx.AsyncClient, treasury: Treasury) -> None:
    await treasury.wallet("Operations")
    await log_in(visitor)
    body = {"name": "Again", "wallet_type": "watch", "network": "local", "address": address_of("Operations")}
    answer = await visitor.post("/wallets/add/", data=body | {"csrfmiddlewaretoken": await token(visitor, "/wallets/add/")})
    assert answer.status_code == 409 and "has a wallet with this address on this network already" in answer.text


async def test_collectibles_and_internal_transfers_are_shown_as_what_they_are(visitor: httpx.AsyncClient, treasury: Treasury) -> None:
    wallet = await treasury.wallet("Operations")
    picture = {"kind": MovementKind.ERC721, "decimals": 0, "raw_amount": "1", "token_id": "4711"}
    bought = treasury.movement(wallet, Direction.IN, "1", "eip155:31337/erc721:0xbad", other="x", symbol="PIC", key="log:1", **picture)
    inner = treasury.movement(wallet, Direction.IN, "2", "ETH", other="x", value="6000", key="trace:0", kind=MovementKind.INTERNAL)
    short = treasury.movement(wallet, Direction.IN, "97", "USDC", other="x", value="97", key="log:2", raw_event_amount="100000000")
    row = await treasury.record(treasury.transaction([bought, inner, short], treasury.now, movements_left_out=12))
    await log_in(visitor)
    detail = (await visitor.get(f"/transactions/{row.id}/")).text
    for said in ("#4711", "A collectible: recorded, not booked", "Moved by a contract&#x27;s call", "100 were announced", "and 12 more"):
        assert said in detail, said
    assert "#4711" in (await visitor.get("/transactions/")).text


async def test_a_call_shows_its_arguments_where_the_abi_is_known(visitor: httpx.AsyncClient, treasury: Treasury) -> None:
    wallet = await treasury.wallet("Operations")
    moved = treasury.movement(wallet, Direction.OUT, "1", "ETH", other="x")
    places = ((OTHER, CALL), (POOL, bundled(Call(OTHER.lower(), 0, CALL, False), Call(USDC.lower(), 0, "0x095ea7b3", False))))
    rows = [treasury.transaction([moved], treasury.now, to_address=to, method=call[:10], input=call, network="testnet") for to, call in places]
    direct, by_safe = [await treasury.record(row) for row in rows]
    await log_in(visitor)
    before = (await visitor.get(f"/transactions/{direct.id}/")).text
    assert SWAP.selector in before and "not known: register the contract with its ABI" in before and "amountIn" not in before
    await register(treasury, ABI)
    for row in (direct, by_safe):
        page = (await visitor.get(f"/transactions/{row.id}/")).text
        for said in ("swapExact(uint256,address[],string)", " of Router", "amountIn", "900000000", USDC, "up down &lt;b&gt;"):
            assert said in page, said
    assert page.count("Call inside") == 2 and "0x095ea7b3" in page


async def test_what_a_payment_made_leads_to_it(visitor: httpx.AsyncClient, treasury: Treasury) -> None:
    wallet = await treasury.wallet("Operations")
    moved = treasury.movement(wallet, Direction.OUT, "1", "ETH", other="x")
    made = {"payment_id": "pay_1", "category": "expense", "category_source": "fact", "explanation": "It is the payment pay_1, 1 ETH to Acme."}
    row = await treasury.record(treasury.transaction([moved], treasury.now, **made))
    other = await treasury.record(treasury.transaction([moved], treasury.now))
    await log_in(visitor)
    detail = (await visitor.get(f"/transactions/{row.id}/")).text
    assert '<a href="/payments/pay_1/">the payment that made it</a>' in detail
    assert "It is the payment pay_1, 1 ETH to Acme." in detail
    assert "/payments/pay_1/" not in (await visitor.get(f"/transactions/{other.id}/")).text


async def test_a_large_credit_says_what_it_waits_for(visitor: httpx.AsyncClient, treasury: Treasury) -> None:
    wallet = await treasury.wallet("Operations")
    moved = treasury.movement(wallet, Direction.IN, "12", "ETH", other="x")
    why = "12 ETH came in: it waits until 2 providers tell the same. So far 10.0.0.7:8545 told so; nothing was heard from rpc.ankr.example."
    large = {"finality": Finality.PENDING, "booking": Booking.DUE, "agreement": Agreement.WANTED, "waits": why}
    row = await treasury.record(treasury.transaction([moved], treasury.now, **large))
    await log_in(visitor)
    detail = (await visitor.get(f"/transactions/{row.id}/")).text
    assert f"{why} Until then it is pending and not in the books" in detail
    assert "It is booked right after it is stored" not in detail
    rows = (await visitor.get("/transactions/")).text
    assert "not agreed" in rows and why in rows


async def test_hostile_text_of_a_token_is_only_text(visitor: httpx.AsyncClient, treasury: Treasury) -> None:
    wallet = await treasury.wallet("<i>Operations</i>")
    bait = treasury.movement(
        wallet, Direction.IN, "5", "eip155:31337/erc20:0xbad", other="x", symbol="<script>alert(1)</script>" * 9, spam_reason="<b>bait</b>"
    )
    row = await treasury.record(treasury.transaction([bait], treasury.now, category="spam", counterparty="\u202egnp.exe<img src=x>"))
    await log_in(visitor)
    for path in ("/transactions/?view=spam", f"/transactions/{row.id}/", "/wallets/"):
        text = (await visitor.get(path)).text
        for planted in ("<script>alert", "<b>bait", "<img src=x", "<i>Operations", "\u202e", "</script></script>"):
            assert planted not in text.replace('src="/static', ""), (path, planted)
    assert "unlisted" in (await visitor.get("/transactions/?view=spam")).text


@pytest.mark.parametrize(
    "query", ["cursor=tampered", "cursor=%00", "limit=99999999999", "limit=-1", "status=%00", "category[$ne]=x", "q=%5B.*", "wallet=%24gt"]
)
async def test_bad_queries_never_break_a_list(visitor: httpx.AsyncClient, query: str) -> None:
    await log_in(visitor)
    answer = await visitor.get(f"/transactions/?{query}")
    assert answer.status_code == (400 if "%00" in query else 404 if query.startswith("cursor") else 200)


async def test_times_stand_in_the_zone_of_the_reader(visitor: httpx.AsyncClient, treasury: Treasury) -> None:
    wallet, at = await treasury.wallet("Operations"), treasury.now - timedelta(days=1)
    await treasury.record(treasury.transaction([treasury.movement(wallet, Direction.IN, "1", "ETH", other="x")], at))
    await log_in(visitor)
    utc = (await visitor.get("/transactions/")).text
    visitor.cookies.set("coffer_tz", "Asia%2FTokyo")
    tokyo = (await visitor.get("/transactions/")).text
    assert f">{at:%H:%M:%S}<" in utc.replace(f"{at:%-d %b} ", "") and f">{at + timedelta(hours=9):%-d %b %H:%M:%S}<" in tokyo
    assert f"{at:%Y-%m-%d %H:%M:%S} UTC" in tokyo
    visitor.cookies.set("coffer_tz", "../../etc/passwd")
    assert (await visitor.get("/transactions/")).status_code == 200


async def test_the_link_of_the_mail_verifies_once_and_only_by_the_button(visitor: httpx.AsyncClient, runtime: Runtime) -> None:
    new = NewUser(username="nora", email="nora@coffer.example", first_name="Nora", last_name="Quist")
    user, now = await identity.prepare(new, PASSWORD, 4, runtime.clock.now()), runtime.clock.now()
    await runtime.uow.run(lambda session: identity.register(session, user))
    secret = await runtime.uow.run(lambda session: identity.issue_verification(session, user.id, now))
    assert "Open the link in the mail" in (await log_in(visitor, "nora")).text
    for _ in range(2):  # a scanner of the mail server opens it first
        assert "Yes, this address is mine" in (await visitor.get("/verify-email/", params={"token": secret})).text
    body = {"csrfmiddlewaretoken": await token(visitor, f"/verify-email/?token={secret}"), "token": secret}
    assert "Your e-mail address is verified" in (await visitor.post("/verify-email/", data=body)).text
    assert (await visitor.get("/journal/")).status_code == 302, "and is no way in"
    again = await visitor.post("/verify-email/", data=body)
    assert again.status_code == 422 and "was used already" in again.text

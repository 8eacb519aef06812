"""The security of one's own account: an overview, the password, the sessions, and the confirmation that it is you."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect

from crypto_api.dashboard.access import Visitor, personal, safe_next, to_log_in
from crypto_api.dashboard.credentials import shown_credential, why_impossible
from crypto_api.dashboard.entry import secret
from crypto_api.dashboard.forms import Form, only_post
from crypto_api.dashboard.script_answers import go_on, spoken, told, wanted_of
from crypto_api.dashboard.step_up import confirmed
from crypto_api.dashboard.translation import gettext
from crypto_api.flows.approve_session import Confirmation, approve_by_password, revoke_approvals
from crypto_api.flows.end_sessions import end_other_sessions, end_session
from crypto_api.flows.passkey_log_in import approve_by_passkey, begin_passkey_approval
from crypto_api.flows.step_up import Granted, approvals_of
from crypto_api.identity import factor_store as factors
from crypto_api.identity import store as identities
from crypto_api.identity.documents import EthereumAccount, Session
from crypto_api.identity.errors import InvalidCredentials, InvalidOtp, InvalidToken, OtpRequired
from crypto_api.identity.passkeys import relying_party
from crypto_api.identity.rules import device_name
from crypto_api.identity.types import Factor, Purpose
from crypto_api.kit.errors import NotFound, TooManyRequests
from crypto_api.kit.paging import PageRequest
from crypto_api.organizations.types import Denied

FLASHES = {
    "saved": "Saved.",
    "password": "The password was changed. Every other session of yours has ended.",
    "totp-off": "The authenticator app is off. The password alone opens your account again.",
    "passkey-added": "The passkey was added. You can log in with it from now on.",
    "passkey-removed": "The passkey was removed.",
    "ethereum-linked": "The Ethereum account was linked. You can sign in with it from now on.",
    "ethereum-removed": "The Ethereum account was removed.",
    "session-ended": "The session has ended.",
    "sessions-ended": "Every other session has ended.",
    "revoked": "This session is not approved for anything any more.",
}
WHYS = {"last-way-in": "Nothing else opens this account: choose a password or add another way to log in first."}
SESSIONS_SHOWN = 5
SESSIONS_MAX = 200
OTP_MAX = 40
WAYS_BACK = ("/security/", "/profile/")  # whoever does not confirm goes to a page that needs no confirmation
PURPOSES = {Purpose.KEYS: "Using the keys of wallets", Purpose.SECURITY: "Changing how you get in"}
FACTORS = {Factor.PASSWORD: "password", Factor.OTP: "code", Factor.PASSKEY: "passkey", Factor.ETHEREUM: "Ethereum"}
_PHONES = ("iPhone", "Android")


@dataclass(frozen=True, slots=True)
class SessionRow:
    id: str
    device: str
    agent: str
    ip: str | None
    created_at: datetime
    last_seen_at: datetime | None
    factors: str
    this: bool
    is_phone: bool
    is_program: bool


@dataclass(frozen=True, slots=True)
class ApprovalRow:
    what: str
    how: str
    until: datetime
    left_s: int  # rounded up: after it nothing is left


@dataclass(frozen=True, slots=True)
class AccountRow:
    id: str
    address: str
    network: str
    is_contract: bool
    created_at: datetime
    last_used_at: datetime | None


@personal
async def security_page(visitor: Visitor) -> HttpResponse:
    user, now = visitor.user, visitor.runtime.clock.now()
    sessions = await _session_rows(visitor)
    passkeys = await factors.passkeys_of(user.id)
    accounts = await factors.ethereum_accounts_of(user.id)
    totp_since = user.totp.confirmed_at if user.totp else None
    values = {
        "flash": FLASHES.get(visitor.request.GET.get("done", ""), ""),
        "problem": WHYS.get(visitor.request.GET.get("why", ""), ""),
        "factor_required": visitor.principal.denied is Denied.SECOND_FACTOR_REQUIRED,
        "has_factor": totp_since is not None or bool(passkeys),
        "approvals": _approval_rows(await approvals_of(visitor.principal.session_id, visitor.principal.org_id, now), now),
        "has_password": user.password_hash is not None,
        "password_changed_at": user.password_changed_at,
        "totp_since": totp_since,
        "codes_left": len(user.recovery_hashes),
        "passkeys": passkeys,
        "passkeys_impossible": why_impossible(visitor.runtime.config.frontend_url),
        "accounts": [_account_row(visitor, row) for row in accounts],
        **_sessions(sessions, SESSIONS_SHOWN),
    }
    return visitor.render("person/security.html", values)


def _approval_rows(granted: list[Granted], now: datetime) -> list[ApprovalRow]:
    return [
        ApprovalRow(
            what=gettext(PURPOSES[row.purpose]),
            how=gettext("since you logged in a moment ago") if row.by_log_in else gettext("since you confirmed"),
            until=row.until,
            left_s=int((row.until - now).total_seconds()) + 1,
        )
        for row in granted
    ]


def _account_row(visitor: Visitor, row: EthereumAccount) -> AccountRow:
    names = {network.chain_id: network.name for network in visitor.runtime.networks.values()}
    network = names.get(row.chain_id, gettext("chain %(id)s") % {"id": row.chain_id})
    return AccountRow(row.id, row.address, network, row.is_contract, row.created_at, row.last_used_at)


# ---- sessions ----------------------------------------------------------------------------------------------------------------------


@personal
async def sessions_page(visitor: Visitor) -> HttpResponse:
    rows = await _session_rows(visitor)
    return visitor.render("person/sessions.html", {"flash": FLASHES.get(visitor.request.GET.get("done", ""), ""), **_sessions(rows, len(rows))})


def _sessions(rows: list[SessionRow], shown: int) -> dict[str, object]:
    return {"sessions": rows[:shown], "sessions_total": len(rows), "sessions_others": len(rows) - 1}


async def _session_rows(visitor: Visitor) -> list[SessionRow]:
    """This one first, then the newest."""
    wanted = PageRequest(sort="created_at", descending=True, limit=SESSIONS_MAX)
    found = await identities.sessions_page(visitor.user.id, visitor.runtime.clock.now(), wanted)
    rows = [_session_row(visitor, row) for row in found.items]
    return sorted(rows, key=lambda row: (not row.this, -(row.last_seen_at or row.created_at).timestamp()))


def _session_row(visitor: Visitor, row: Session) -> SessionRow:
    agent = row.user_agent or ""
    return SessionRow(
        id=row.id,
        device=device_name(row.user_agent),
        agent=agent,
        ip=row.ip,
        created_at=row.created_at,
        last_seen_at=row.last_seen_at,
        factors=gettext(" and ").join(gettext(FACTORS[factor]) for factor in row.factors) or gettext("password"),
        this=row.id == visitor.principal.session_id,
        is_phone=any(mark in agent for mark in _PHONES),
        is_program=row.dashboard_hash is None,
    )


@personal
@confirmed("/security/#sessions")
async def end_session_of(visitor: Visitor, session_id: str) -> HttpResponse:
    """One that is gone already is as good as ended."""
    only_post(visitor.request)
    with suppress(NotFound):
        await end_session(visitor.runtime.uow, visitor.runtime.clock, visitor.principal, session_id)
    return redirect("/security/?done=session-ended#sessions")


@personal
@confirmed("/security/#sessions")
async def end_others(visitor: Visitor) -> HttpResponse:
    only_post(visitor.request)
    await end_other_sessions(visitor.runtime.uow, visitor.runtime.clock, visitor.principal)
    return redirect("/security/?done=sessions-ended#sessions")


# ---- the confirmation --------------------------------------------------------------------------------------------------------------


@personal
async def confirm_page(visitor: Visitor) -> HttpResponse:
    request = visitor.request
    given = request.POST if request.method == "POST" else request.GET
    purpose, onward = _purpose(given.get("purpose")), safe_next(request, given.get("next", ""))
    if request.method != "POST":
        return await _confirm_form(visitor, purpose, onward)
    password, otp = secret(request, "password"), Form(request, "otp")["otp"][:OTP_MAX]
    has_totp = visitor.user.totp is not None and visitor.user.totp.confirmed_at is not None
    missing = {name: "is needed" for name, value, asked in (("password", password, True), ("otp", otp, has_totp)) if asked and not value}
    if missing:
        return await _confirm_form(visitor, purpose, onward, missing)
    runtime = visitor.runtime
    try:
        await approve_by_password(
            runtime.uow, runtime.box, runtime.clock, visitor.principal, Confirmation(password, otp or None, purpose), runtime.config.bcrypt_cost
        )
    except InvalidCredentials:
        return await _confirm_form(visitor, purpose, onward, {"password": "is wrong"}, status=401)
    except OtpRequired:
        return await _confirm_form(visitor, purpose, onward, {"otp": "is needed"})
    except InvalidOtp:
        return await _confirm_form(visitor, purpose, onward, {"otp": "is wrong, too old or was used before"}, status=401)
    except TooManyRequests as error:
        return await _confirm_form(visitor, purpose, onward, problem="Too many failed tries", wait_s=error.retry_after_s, status=429)
    except InvalidToken:
        return to_log_in(request)
    return redirect(onward)


def _purpose(given: object) -> Purpose:
    return Purpose(given) if isinstance(given, str) and given in frozenset(Purpose) else Purpose.SECURITY


async def _confirm_form(
    visitor: Visitor,
    purpose: Purpose,
    onward: str,
    errors: dict[str, str] | None = None,
    *,
    problem: str = "",
    wait_s: int | None = None,
    status: int | None = None,
) -> HttpResponse:
    user = visitor.user
    values = {
        "purpose": purpose.value,
        "next": onward,
        "back": next((path for path in WAYS_BACK if onward.startswith(path)), "/"),
        "errors": errors,
        "problem": problem,
        "wait_s": wait_s,
        "has_password": user.password_hash is not None,
        "has_totp": user.totp is not None and user.totp.confirmed_at is not None,
        "has_passkey": await factors.count_passkeys(user.id) > 0,
        "passkeys_impossible": why_impossible(visitor.runtime.config.frontend_url),
    }
    response = visitor.render("person/confirm.html", values, status=status or (422 if errors else 200))
    if wait_s is not None:
        response.headers["Retry-After"] = str(wait_s)
    return response


@personal
@spoken
async def confirm_passkey_options(visitor: Visitor) -> HttpResponse:
    only_post(visitor.request)
    runtime, purpose = visitor.runtime, _purpose(told(visitor.request).get("purpose"))
    party = relying_party(runtime.config.frontend_url)
    return JsonResponse((await begin_passkey_approval(runtime.uow, runtime.clock, party, visitor.principal, purpose)).public_key)


@personal
@spoken
async def confirm_by_passkey(visitor: Visitor) -> HttpResponse:
    only_post(visitor.request)
    runtime, body = visitor.runtime, told(visitor.request)
    purpose, party = _purpose(body.get("purpose")), relying_party(runtime.config.frontend_url)
    await approve_by_passkey(runtime.uow, runtime.clock, party, visitor.principal, purpose, shown_credential(body))
    return go_on(wanted_of(visitor.request, body))


@personal
async def revoke_confirmation(visitor: Visitor) -> HttpResponse:
    only_post(visitor.request)
    await revoke_approvals(visitor.runtime.uow, visitor.runtime.clock, visitor.principal)
    return redirect("/security/?done=revoked")

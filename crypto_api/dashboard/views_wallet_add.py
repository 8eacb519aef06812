"""Adding a wallet: by its address, or with a key that the browser has sealed to the signer before the form was sent."""

from collections.abc import Collection
from contextlib import suppress

from django.http import HttpResponse
from django.utils.translation import gettext_noop

from crypto_api.dashboard.access import Visit, page
from crypto_api.dashboard.translation import gettext
from crypto_api.dashboard.views_wallets import TYPE_NAMES, name_problem, to_list
from crypto_api.kit.errors import Conflict, InvalidInput
from crypto_api.kit.signing import IntakeKey, SignerUnavailable
from crypto_api.organizations.types import Permission
from crypto_api.wallets import service as wallets
from crypto_api.wallets.documents import WalletType
from crypto_api.wallets.rules import checked
from crypto_api.wallets.types import NewWallet

OFFERED = (WalletType.WATCH, WalletType.PRIVATE_KEY, WalletType.METAMASK, WalletType.HARDWARE)
ABOUT = {
    WalletType.WATCH: gettext_noop("Sees what the address holds and moves; can never send."),
    WalletType.PRIVATE_KEY: gettext_noop("The key is sealed in this browser for the signer alone, and never shown again."),
    WalletType.METAMASK: gettext_noop("A wallet in the browser, such as MetaMask: it signs there, by hand."),
    WalletType.HARDWARE: gettext_noop("A device such as Ledger or Trezor, through the browser."),
}
_FIELDS = ("name", "wallet_type", "network", "address", "keystore", "monitoring_enabled")
_SECRETS = ("private_key", "keystore_password")


@page(Permission.WALLETS_WRITE)
async def add_page(visit: Visit) -> HttpResponse:
    if visit.request.method != "POST":
        first = next(iter(visit.runtime.networks), "")
        return await _form(visit, {"wallet_type": WalletType.WATCH.value, "network": first, "monitoring_enabled": "on"})
    given = {name: visit.request.POST.get(name, "").strip() for name in _FIELDS}
    new = _wanted(given, {name: visit.request.POST.get(name, "").strip() for name in _SECRETS})
    errors = _problems(given, new, visit.runtime.networks.keys())
    if errors:
        return await _form(visit, given, errors)
    try:
        await wallets.create(
            visit.runtime.uow, visit.runtime.clock, visit.runtime.signer, visit.runtime.networks.keys(), visit.org_id, visit.principal.user_id, new
        )
    except InvalidInput as error:
        return await _form(visit, given, {row.field: gettext(row.message) for row in error.errors})
    except (Conflict, SignerUnavailable) as error:
        return await _form(visit, given, problem=gettext(error.detail), status=error.status)
    return to_list("added")


def _wanted(given: dict[str, str], secrets: dict[str, str]) -> NewWallet:
    """A key that was begun before another kind was chosen is left out."""
    stored = given["wallet_type"] == WalletType.PRIVATE_KEY
    by_keystore = stored and given["keystore"] and not secrets["private_key"]
    return NewWallet(
        name=given["name"],
        wallet_type=given["wallet_type"],
        network=given["network"],
        address=given["address"] or None,
        private_key=secrets["private_key"] or None if stored else None,
        keystore=given["keystore"] if by_keystore else None,
        keystore_password=secrets["keystore_password"] or None if by_keystore else None,
        monitoring_enabled=bool(given["monitoring_enabled"]),
    )


def _problems(given: dict[str, str], new: NewWallet, networks: Collection[str]) -> dict[str, str]:
    """Everything that is wrong, at once: what a form leaves out, then what the slice itself says."""
    errors = name_problem(given["name"])
    if given["wallet_type"] not in OFFERED:
        return errors | {"wallet_type": gettext("is not one of those offered")}
    if new.wallet_type != WalletType.PRIVATE_KEY and new.address is None:
        errors["address"] = gettext("is needed")
    if new.wallet_type == WalletType.PRIVATE_KEY and new.private_key is None and new.keystore is None:
        errors["private_key"] = gettext("is needed")
    try:
        checked(new, networks)
    except InvalidInput as error:
        return {row.field: gettext(row.message) for row in error.errors} | errors
    except SignerUnavailable:
        return errors
    return errors


async def _form(visit: Visit, given: dict[str, str], errors: dict[str, str] | None = None, *, problem: str = "", status: int = 200) -> HttpResponse:
    """What was typed comes back, a key or a password never does."""
    values = {
        "given": given,
        "errors": errors or {},
        "problem": problem,
        "types": [(kind.value, gettext(TYPE_NAMES[kind]), gettext(ABOUT[kind])) for kind in OFFERED],
        "networks": list(visit.runtime.networks.values()),
        "intake": await _intake_key(visit),
    }
    return visit.render("wallets/add.html", values, status=422 if errors else status)


async def _intake_key(visit: Visit) -> IntakeKey | None:
    """None while the signer is away: everything but a key can be added then."""
    with suppress(SignerUnavailable):
        return visit.runtime.signer.intake_key or await visit.runtime.signer.public_key()
    return None

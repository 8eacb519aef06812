"""In what, and where, an invoice may be paid on a chain: what a form offers, and what was chosen."""

from crypto_api.chains.service import listed_assets
from crypto_api.dashboard.access import Visit
from crypto_api.dashboard.forms import Form
from crypto_api.dashboard.translation import gettext
from crypto_api.invoices.documents import Invoice
from crypto_api.invoices.types import CryptoTerms
from crypto_api.receivables import store as receivables
from crypto_api.wallets import store as wallets

CRYPTO_FIELDS = ("asset", "place")


async def ways(visit: Visit) -> dict[str, object]:
    """`assets`: (value, label); `places`: wallets that somebody watches."""
    networks, own = visit.runtime.networks, await receivables.settings(visit.org_id)
    named = [
        (f"{slug}|{asset.name}", gettext("%(what)s on %(network)s") % {"what": asset.name, "network": network.name})
        for slug, network in networks.items()
        for asset in listed_assets(network)
    ]
    watched = [row for row in await wallets.active(visit.org_id) if row.receives is None and row.monitoring_enabled and row.network in networks]
    places = [(row.id, gettext("%(what)s on %(network)s") % {"what": row.name, "network": networks[row.network].name}) for row in watched]
    return {"assets": named, "places": places, "own_address": own is not None and bool(own.extended_key)}


def chosen_terms(form: Form) -> CryptoTerms | None:
    """None where no asset was chosen. What is offered beside it has to be on the same network: the address is watched there and nowhere else."""
    network, _, asset = form["asset"].partition("|")
    if not asset:
        return None
    also = [value for value in form.request.POST.getlist("also") if value != form["asset"]]
    if any(value.partition("|")[0] != network for value in also):
        form.wrong("also", gettext("must be on the network of the first"))
        return None
    return CryptoTerms(asset=asset, network=network, wallet_id=form["place"] or None, also=tuple(value.partition("|")[2] for value in also))


async def asked_terms(row: Invoice) -> CryptoTerms | None:
    """As its draft says, or as it was asked for after it was sent."""
    request = await receivables.request_of(row.org_id, row.id)
    if row.crypto is not None or request is None:
        return row.crypto
    first, *also = [offer.asset for offer in request.offered]
    return CryptoTerms(asset=first, network=request.network, wallet_id=None if request.own else request.wallet_id, also=tuple(also))


def as_chosen(terms: CryptoTerms | None) -> dict[str, str]:
    """The fields of a form that is filled in."""
    return {"asset": f"{terms.network}|{terms.asset}", "place": terms.wallet_id or ""} if terms is not None else {"asset": "", "place": ""}


def also_chosen(terms: CryptoTerms | None) -> list[str]:
    return [f"{terms.network}|{asset}" for asset in terms.also] if terms is not None else []


async def terms_words(visit: Visit, terms: CryptoTerms) -> str:
    """`ETH or USDC on Ethereum, at an address of its own`."""
    network = visit.runtime.networks.get(terms.network)
    wallet = await wallets.get(visit.org_id, terms.wallet_id) if terms.wallet_id is not None else None
    values = {"what": f" {gettext('or')} ".join((terms.asset, *terms.also)), "network": network.name if network is not None else terms.network}
    if wallet is None:
        return gettext("%(what)s on %(network)s, at an address of its own") % values
    return gettext("%(what)s on %(network)s, at %(wallet)s") % (values | {"wallet": wallet.name})

"""The networks: how far each is followed, and how its providers do."""

from django.http import HttpResponse

from crypto_api.dashboard.access import Visit, page
from crypto_api.dashboard.number_formats import exact
from crypto_api.dashboard.translation import gettext
from crypto_api.flows.read_networks import read_networks
from crypto_api.kit.networks import NetworkConfig, ProviderState
from crypto_api.organizations.types import Permission

STATE_WORDS = {
    ProviderState.IN_USE: "In use",
    ProviderState.STANDBY: "Standing by",
    ProviderState.SET_ASIDE: "Set aside",
    ProviderState.UNREACHABLE: "Unreachable",
    ProviderState.UNKNOWN: "Not heard of",
}


_PROVED = {
    "none": "Blocks are not proved: one provider could change an amount unseen until balances are compared.",
    "ours": "Each block that touches a wallet is proved by the roots in its header.",
    "all": "Each block is proved by the roots in its header.",
}


def trust_words(network: NetworkConfig) -> list[str]:
    """On whose word a network is followed."""
    if network.agreement > 1:
        limits = ", ".join(f"{exact(amount)} {asset}" for asset, amount in network.credits_agreed_above.items())
        if limits:
            agreed = gettext(
                "%(n)s providers must name a block before it is confirmed. Credits of more than %(limits)s are booked once as many tell the same."
            )
        else:
            agreed = gettext("%(n)s providers must name a block before it is confirmed. Every credit is booked once as many tell the same.")
        agreed %= {"n": network.agreement, "limits": limits}
    elif len(network.hosts()) == 1:
        agreed = gettext("There is one provider: it is believed, and no credit or final block is compared with what another says. Name a second one.")
    else:
        agreed = gettext(
            "One provider's word is enough here, as the networks file says: no credit or final block is compared with what another says."
        )
    if network.finality == "tag":
        final = gettext("Transactions are confirmed as the network itself calls it final.")
    else:
        final = gettext("Transactions are confirmed %(n)s blocks deep.") % {"n": network.confirmations}
    return [agreed, gettext(_PROVED[network.receipts_checked]), final]


@page(Permission.BLOCKCHAIN_READ)
async def list_page(visit: Visit) -> HttpResponse:
    return visit.render("networks/list.html", await _networks(visit))


@page(Permission.BLOCKCHAIN_READ)
async def cards_fragment(visit: Visit) -> HttpResponse:
    return visit.render("networks/cards.html", await _networks(visit))


async def _networks(visit: Visit) -> dict[str, object]:
    rows = await read_networks(visit.runtime.networks.values(), visit.runtime.clock.now())
    return {
        "networks": [
            {
                "row": row,
                "providers": [(provider, gettext(STATE_WORDS[provider.health.state])) for provider in row.providers],
                "total": len(row.providers),
                "trust": trust_words(row.config),
            }
            for row in rows
        ]
    }

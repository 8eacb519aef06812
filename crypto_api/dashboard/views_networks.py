"""The networks: how far each is followed, and how its providers do."""

from django.http import HttpResponse

from crypto_api.dashboard.access import Visit, page
from crypto_api.flows.read_networks import read_networks
from crypto_api.kit.networks import ProviderState
from crypto_api.organizations.types import Permission

STATE_WORDS = {
    ProviderState.IN_USE: "In use",
    ProviderState.STANDBY: "Standing by",
    ProviderState.SET_ASIDE: "Set aside",
    ProviderState.UNREACHABLE: "Unreachable",
    ProviderState.UNKNOWN: "Not heard of",
}


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
            {"row": row, "providers": [(provider, STATE_WORDS[provider.health.state]) for provider in row.providers], "total": len(row.providers)}
            for row in rows
        ]
    }

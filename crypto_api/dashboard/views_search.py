"""The palette: one field for pages, actions and everything that a person may see."""

from itertools import groupby

from django.http import HttpResponse

from crypto_api.dashboard.access import Visitor, personal
from crypto_api.dashboard.palette import found_hits, more_hits, page_hits
from crypto_api.flows import search


@personal
async def results_fragment(visitor: Visitor) -> HttpResponse:
    """For everybody who is logged in; whoever may not act in an organisation finds the pages that are theirs and nothing of it."""
    text, principal = search.cleaned(visitor.request.GET.get("q", "")), visitor.principal
    hits = page_hits(principal, text)
    if principal.denied is None and text:
        hits = [*hits, *found_hits(await search.search(principal, text)), *more_hits(principal, text)]
    groups = [(name, list(rows)) for name, rows in groupby(hits, key=lambda hit: hit.group)]
    return visitor.render("search/results.html", {"groups": groups, "text": text})

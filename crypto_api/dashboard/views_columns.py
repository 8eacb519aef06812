"""Choosing the columns of a list."""

from django.http import Http404, HttpResponse
from django.shortcuts import redirect

from crypto_api.dashboard.access import Visitor, personal, safe_next
from crypto_api.dashboard.columns import LISTS, hidden_by
from crypto_api.dashboard.forms import only_post
from crypto_api.identity.store import set_hidden_columns


@personal
async def choose_columns(visitor: Visitor, name: str) -> HttpResponse:
    """What is ticked is shown from now on, to this person alone. A script asks without wanting the page again."""
    only_post(visitor.request)
    if name not in LISTS:
        raise Http404
    hidden = hidden_by(name, visitor.request.POST.getlist("shown"))
    await visitor.runtime.uow.run(lambda session: set_hidden_columns(session, visitor.user.id, name, hidden))
    if visitor.request.headers.get("HX-Request") == "true":
        return HttpResponse(status=204)
    return redirect(safe_next(visitor.request, visitor.request.POST.get("next", "")))

"""Pages that need a fresh proof of who is there: they send the person to the confirmation, and come back."""

from collections.abc import Awaitable, Callable
from functools import wraps
from urllib.parse import urlencode

from django.http import HttpResponse
from django.shortcuts import redirect

from crypto_api.dashboard.access import Visitor
from crypto_api.dashboard.script_answers import go_on
from crypto_api.flows.step_up import require_approval
from crypto_api.identity.errors import SessionNotApproved
from crypto_api.identity.types import Purpose

PersonView = Callable[..., Awaitable[HttpResponse]]


def confirmed(back: str, purpose: Purpose = Purpose.SECURITY) -> Callable[[PersonView], PersonView]:
    """Put it below the decorator that says for whom the page is. Whoever wanted to read comes back to the same page, whoever pressed a button to
    `back` (with the parts of the path filled in), since nothing is done without being asked for again."""

    def decorate(view: PersonView) -> PersonView:
        @wraps(view)
        async def guarded(visitor: Visitor, *args: object, **kwargs: object) -> HttpResponse:
            principal, request = visitor.principal, visitor.request
            try:
                await require_approval(principal.session_id, principal.org_id, purpose, visitor.runtime.clock.now())
            except SessionNotApproved:
                path = confirmation(request.get_full_path() if request.method == "GET" else back.format(**kwargs), purpose)
                return go_on(path) if request.content_type == "application/json" else redirect(path)
            return await view(visitor, *args, **kwargs)

        guarded.approval = purpose  # type: ignore[attr-defined]
        return guarded

    return decorate


def confirmation(onward: str, purpose: Purpose) -> str:
    """The path of the confirmation that goes on to `onward`."""
    return f"/confirm/?{urlencode({'purpose': purpose.value, 'next': onward})}"

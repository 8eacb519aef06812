"""Django's ASGI handler, without a thread of its own for each request."""

from typing import Any

import django
from django.core.handlers.asgi import ASGIHandler


class Handler(ASGIHandler):  # type: ignore[misc]
    """Django opens a context for each request in which everything synchronous runs in one thread, started for it. Here nothing does but the
    closing of the answer, and that thread would take nearly half of a short request. Without the context, the one that asgiref keeps closes it."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.handle(scope, receive, send)


def django_handler() -> Handler:
    """Sets Django up, as `get_asgi_application` does."""
    django.setup(set_prefix=False)
    return Handler()

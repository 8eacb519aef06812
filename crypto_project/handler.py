"""Django's ASGI handler, without a thread for anything."""

import asyncio
import contextlib
from typing import Any

import django
from asgiref.sync import sync_to_async
from django.conf import settings
from django.core import signals
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import set_script_prefix, set_urlconf
from django.utils.log import log_response


class Handler(ASGIHandler):  # type: ignore[misc]
    """Django starts a thread for each request, and hands over to one to log a refusal and to close the answer. Logging writes a line and closing
    lets go of what is in memory: the way into a thread and back took more than a tenth of what a short request computes. Only an answer that is
    streamed is closed in a thread, since it may hold a file. All else is as Django does it."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.handle(scope, receive, send)

    async def handle(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        with contextlib.closing(body):
            set_script_prefix(get_script_prefix(scope))
            await signals.request_started.asend(sender=type(self), scope=scope)
            request, refusal = self.create_request(scope, body)
            if request is None:
                await self.send_response(refusal, send)
                await _close(refusal)
            elif (response := await self._answered(request, receive, send)) is not None:
                await _close(response)
            else:
                await signals.request_finished.asend(sender=type(self))

    async def _answered(self, request: HttpRequest, receive: Any, send: Any) -> HttpResponseBase | None:
        """None where the client went away before there was an answer: whoever was working on it is cancelled."""
        listening = asyncio.create_task(self.listen_for_disconnect(receive))
        answering = asyncio.create_task(self._answer(request, send))
        await asyncio.wait((listening, answering), return_when=asyncio.FIRST_COMPLETED)
        for task in (listening, answering):
            if not task.done():
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
        if not listening.cancelled():
            with contextlib.suppress(RequestAborted):
                listening.result()
        return None if answering.cancelled() else answering.result()

    async def _answer(self, request: HttpRequest, send: Any) -> HttpResponseBase:
        response = await self.run_get_response(request)
        with contextlib.suppress(asyncio.CancelledError):  # the client went away while it was sent
            await self.send_response(response, send)
        return response

    async def get_response_async(self, request: HttpRequest) -> HttpResponseBase:
        set_urlconf(settings.ROOT_URLCONF)
        response: HttpResponseBase = await self._middleware_chain(request)
        response._resource_closers.append(request.close)
        if response.status_code >= 400:
            log_response("%s: %s", response.reason_phrase, request.path, response=response, request=request)
        return response


async def _close(response: HttpResponseBase) -> None:
    if response.streaming:
        await sync_to_async(response.close)()
    else:
        response.close()


def django_handler() -> Handler:
    """Sets Django up, as `get_asgi_application` does."""
    django.setup(set_prefix=False)
    return Handler()

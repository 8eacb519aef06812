"""The life of the API process, in front of Django and Channels, which know none: one runtime, put into the ASGI state for every request."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from typing import Any

from pymongo.errors import PyMongoError

from crypto_api.adapters.log_shipping import shipped
from crypto_api.adapters.metrics_listener import MetricsListener
from crypto_api.adapters.telemetry import traced
from crypto_api.bootstrap import open_runtime
from crypto_api.config import Config, load_config
from crypto_api.flows.note_seen import WRITE_S, write_seen
from crypto_api.http import in_flight
from crypto_api.kit import collector, log
from crypto_api.kit.cancel import cancel_and_wait
from crypto_api.kit.loop_watch import loop_watched
from crypto_api.kit.signing import SignerUnavailable
from crypto_api.kit.standstill import ends_at_a_standstill
from crypto_api.reports.measures import measure
from crypto_api.runtime import Runtime
from crypto_api.sockets.hub import EventHub
from crypto_project.catalogues import ensure_catalogues
from crypto_project.refusal import App, Message, Receive, Scope, Send
from mongodb_config.migrations import DeployFailed
from mongodb_config.probe import UnfitServer

logger = log.get(__name__)

DRAIN_S = 4.0
SHUTDOWN_S_MAX = 8.0  # after the server has given requests its five seconds
PAUSE_S_MIN, PAUSE_S_MAX = 0.25, 4.0
SIGNER_S_MIN, SIGNER_S_MAX = 1.0, 30.0
State = dict[str, Any]


@asynccontextmanager
async def api_state() -> AsyncIterator[State]:
    """What a request finds in `scope["state"]`: the runtime, and the hub that feeds the consoles."""
    config = load_config()
    log.configure(config.log_dir, process="api")
    _make_catalogues()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(shipped("api", config.otel_exporter_otlp_logs_endpoint))
        await stack.enter_async_context(traced("api", config.otel_exporter_otlp_endpoint))
        runtime = await _opened(stack, config)
        hub = await stack.enter_async_context(EventHub(runtime.frames, runtime.clock))
        if config.metrics_listen:
            tls = {"certificate": config.metrics_certificate, "client_ca": config.metrics_client_ca}
            await stack.enter_async_context(MetricsListener(config.metrics_listen, partial(measure, runtime), **tls))
        await stack.enter_async_context(_writing_seen(runtime))
        await stack.enter_async_context(knowing_the_signer(runtime))
        collector.settle()
        await stack.enter_async_context(loop_watched())
        await stack.enter_async_context(ends_at_a_standstill())
        logger.info("api started", networks=list(runtime.networks))
        yield {"runtime": runtime, "hub": hub}
        if late := await in_flight.drain(DRAIN_S):
            logger.warning("requests were cut off on shutdown", count=late)


def _cut_off() -> None:
    """The process is still there: something waits for a server that has gone silent, and the end of the loop would wait for it as well."""
    logger.error("api cut off", after_s=SHUTDOWN_S_MAX)
    os._exit(1)


def _make_catalogues() -> None:
    """Before the first page is asked for. Where the code may not be written, as in an image, `prepare_pages` has made them beforehand."""
    try:
        ensure_catalogues()
    except OSError as error:
        logger.warning("pages stay English: run manage.py prepare_pages where the code may be written", error=str(error)[:200])


@asynccontextmanager
async def _writing_seen(runtime: Runtime) -> AsyncIterator[None]:
    """When sessions were last used goes into the database every few seconds."""

    async def work() -> None:
        while True:
            await asyncio.sleep(WRITE_S)
            try:
                await write_seen(runtime.uow, runtime.config.spans())
            except PyMongoError as error:
                logger.warning("last uses of sessions wait", error=str(error)[:200])

    task = asyncio.create_task(work(), name="write seen")
    try:
        yield
    finally:
        await cancel_and_wait(task)


@asynccontextmanager
async def knowing_the_signer(runtime: Runtime) -> AsyncIterator[None]:
    """The key to which secrets are sealed at the door is asked for before the first request, and again and again: a rotation changes it."""

    async def ask() -> bool:
        with suppress(SignerUnavailable):
            await runtime.signer.public_key()
            return True
        return False

    async def work(known: bool) -> None:
        while True:
            await asyncio.sleep(SIGNER_S_MAX if known else SIGNER_S_MIN)
            known = await ask()

    task = asyncio.create_task(work(await ask()), name="know the signer")
    try:
        yield
    finally:
        await cancel_and_wait(task)


async def _opened(stack: AsyncExitStack, config: Config) -> Runtime:
    """The runtime, as soon as the database can be reached. UnfitServer or DeployFailed when it must not be used."""
    pause_s = PAUSE_S_MIN
    while True:
        attempt = AsyncExitStack()
        try:
            runtime = await attempt.enter_async_context(open_runtime(config))
        except PyMongoError as error:
            await attempt.aclose()
            logger.warning("the start waits for the database", error=str(error)[:200], retry_in_s=pause_s)
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, PAUSE_S_MAX)
        except BaseException:
            await attempt.aclose()
            raise
        else:
            stack.push_async_exit(attempt)
            return runtime


class Lifespan:
    """Answers the server's lifespan messages; everything else goes on to the application, with the state that this made."""

    def __init__(self, app: App, open_state: Callable[[], AbstractAsyncContextManager[State]] = api_state) -> None:
        self._app, self._open_state = app, open_state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()  # lifespan.startup
        stack = AsyncExitStack()
        try:
            scope["state"].update(await stack.enter_async_context(self._open_state()))
        except (UnfitServer, DeployFailed) as error:
            sys.stderr.write(f"api: {error}\n")
            sys.stderr.flush()
            os._exit(error.EXIT_CODE)  # nothing is open. The server would end with 3, as after any start that failed, and be started again
        except Exception as error:
            await send(_failed("startup", error))
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()  # lifespan.shutdown
        if self._open_state is api_state:  # this is a process of its own, which ends now
            asyncio.get_running_loop().call_later(SHUTDOWN_S_MAX, _cut_off)
        try:
            await stack.aclose()
        except Exception as error:
            logger.exception("shutdown failed")
            await send(_failed("shutdown", error))
            return
        await send({"type": "lifespan.shutdown.complete"})


def _failed(step: str, error: Exception) -> Message:
    expected = isinstance(error, UnfitServer | DeployFailed | ValueError)
    if not expected:
        logger.error("lifespan failed", step=step, exc_info=error)
    message = str(error) if expected else f"{type(error).__name__}: {error}"
    sys.stderr.write(f"api: {message}\n")
    return {"type": f"lifespan.{step}.failed", "message": message}

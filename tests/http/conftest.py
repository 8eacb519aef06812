"""The API over real HTTP: uvicorn in this process, on the test's own database, with two organisations in it where a test asks for them."""

import contextlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from email import message_from_bytes, policy
from http.cookiejar import Cookie
from pathlib import Path
from typing import Any

import httpx
import pytest

from crypto_api.bootstrap import open_runtime
from crypto_api.flows.send_verification_mail import send_verification_mail
from crypto_api.http import in_flight
from crypto_api.organizations import service as organizations
from crypto_api.organizations.types import Role
from crypto_api.runtime import Runtime
from crypto_project.asgi import inner
from crypto_project.lifespan import Lifespan, knowing_the_signer
from tests.factories.prepared import Prepared
from tests.factories.serving import serving

PASSWORD = "a-river-of-9-stones"
NETWORK = {"slug": "testnet", "name": "Test network", "chain_id": 31337, "rpc_urls": ["http://127.0.0.1:9"], "confirmations": 2}
ADDRESS = "0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045"


HTTP: dict[str, Any] = {"http": "crypto_project.http_protocol:BoundedHttp", "proxy_headers": False}  # as crypto_project/processes.py has it


@contextlib.asynccontextmanager
async def serve(runtime: Runtime, app: Any = inner) -> AsyncIterator[str]:
    """The API on `runtime`, as `uvicorn crypto_project.asgi:application` serves it; its address. `app`: behind other guards."""

    @contextlib.asynccontextmanager
    async def state() -> AsyncIterator[dict[str, Any]]:
        async with knowing_the_signer(runtime):
            yield {"runtime": runtime, "hub": None}

    try:
        async with serving(Lifespan(app, state), lifespan="on", server_header=False, **HTTP) as server:
            yield f"http://127.0.0.1:{server.port}"
    finally:
        await in_flight.drain(5)


@pytest.fixture
def networks() -> list[dict[str, object]]:
    """Rows of the networks file: override to have others."""
    return [dict(NETWORK)]


@pytest.fixture
async def runtime(make_config: Any, networks: list[dict[str, object]]) -> AsyncIterator[Runtime]:
    async with open_runtime(make_config(networks)) as opened:
        yield opened


@pytest.fixture
async def api(runtime: Runtime) -> AsyncIterator[str]:
    async with serve(runtime) as base_url:
        yield base_url


@pytest.fixture
async def client(api: str) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who is not logged in."""
    async with httpx.AsyncClient(base_url=api, timeout=60) as opened:
        yield opened


@dataclass
class Person:
    user: dict[str, Any]
    http: httpx.AsyncClient
    tokens: dict[str, Any]

    @property
    def org_id(self) -> str:
        org_id: str = self.user["organization_id"]
        return org_id


Join = Callable[..., Awaitable[Person]]


@contextlib.asynccontextmanager
async def joining(api: str, runtime: Runtime, prepared: Prepared) -> AsyncIterator[Join]:
    async with contextlib.AsyncExitStack() as stack:

        async def make(name: str, *, founds: str | None = None, org_id: str | None = None, role: Role = Role.ADMIN) -> Person:
            http = await stack.enter_async_context(httpx.AsyncClient(base_url=api, timeout=60))

            async def join_now() -> tuple[dict[str, Any], list[Cookie]]:
                tokens = await _join(http, runtime, name, founds, org_id, role)
                return tokens, list(http.cookies.jar)

            key = (runtime.config.secret_key.get_secret_value(), name, founds, org_id, role)
            tokens, cookies = await prepared.once(runtime, key, join_now)
            for cookie in cookies:
                http.cookies.jar.set_cookie(cookie)
            http.headers["Authorization"] = f"Bearer {tokens['access']}"
            return Person(tokens["user"], http, tokens)

        yield make


@pytest.fixture
async def join(api: str, runtime: Runtime, prepared: Prepared) -> AsyncIterator[Join]:
    """`await join("ada", founds="Byron Treasury")` or `await join("bob", org_id=…, role=Role.AUDITOR)`: registered, verified, logged in; as it was
    done a moment ago for another test, where it was."""
    async with joining(api, runtime, prepared) as make:
        yield make


async def _join(http: httpx.AsyncClient, runtime: Runtime, name: str, founds: str | None, org_id: str | None, role: Role) -> dict[str, Any]:
    """What the log-in answers."""
    body = registration(name) | ({"organization_name": founds} if founds else {})
    registered = await http.post("/api/auth/register/", json=body)
    assert registered.status_code == 201, registered.text
    user_id = registered.json()["id"]
    verified = await http.post("/api/auth/verify-email/", json={"token": await verification_token(runtime, user_id)})
    assert verified.status_code == 200, verified.text
    if org_id is not None:
        await runtime.uow.run(lambda session: organizations.add_member(session, org_id, user_id, role, runtime.clock.now()))
    tokens: dict[str, Any] = (await http.post("/api/auth/login/", json={"username": name, "password": PASSWORD})).json()
    return tokens


def registration(name: str, **changes: Any) -> dict[str, Any]:
    body = {"username": name, "email": f"{name}@example.com", "password": PASSWORD, "first_name": name.title(), "last_name": "Byron"}
    return body | changes


async def verification_token(runtime: Runtime, user_id: str) -> str:
    """Sends the mail as the worker does, and reads the token out of the letter."""
    assert await send_verification_mail(runtime.uow, runtime.clock, runtime.mail, runtime.config.frontend_url, user_id)
    letter = message_from_bytes(newest_letter(runtime).read_bytes(), policy=policy.default)
    (link,) = [word for word in letter.get_content().split() if "verify-email/?token=" in word]
    return str(link.split("token=")[1])


def newest_letter(runtime: Runtime) -> Path:
    return max((runtime.config.log_dir / "mail").glob("*.eml"))


def wallet_body(**changes: Any) -> dict[str, Any]:
    return {"name": "Operations", "wallet_type": "watch", "network": "testnet", "address": ADDRESS} | changes


def random_address() -> str:
    return "0x" + secrets.token_hex(20)


async def confirmed(person: Person) -> Person:
    """With their password just now, as the use of keys asks for."""
    done = await person.http.post("/api/auth/confirm-password/", json={"password": PASSWORD})
    assert done.status_code == 200, done.text
    return person

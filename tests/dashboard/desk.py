"""Somebody at a desk: a browser without eyes that is logged in, fills in forms and follows where it is sent."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from email import message_from_bytes, policy
from html import unescape

import httpx
import pytest

from crypto_api.flows import invitations
from crypto_api.flows.send_invitation_mail import send_invitation_mail
from crypto_api.identity import service as identity
from crypto_api.identity.documents import User
from crypto_api.identity.types import NewUser
from crypto_api.organizations.documents import Invitation
from crypto_api.organizations.types import GRANTABLE, Principal, Role
from crypto_api.runtime import Runtime
from tests.dashboard.conftest import Site, log_in, token
from tests.factories.treasury import PASSWORD, Treasury


class Desk:
    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http
        self._token = ""

    async def get(self, path: str, **query: str) -> httpx.Response:
        return await self.http.get(path, params=query or None)

    async def text(self, path: str, **query: str) -> str:
        answer = await self.get(path, **query)
        assert answer.status_code == 200, (path, answer.status_code)
        return said(answer)

    async def post(self, path: str, /, **fields: str | list[str]) -> httpx.Response:
        self._token = self._token or await token(self.http, "/security/")
        return await self.http.post(path, data={"csrfmiddlewaretoken": self._token, **fields})

    async def does(self, path: str, /, **fields: str | list[str]) -> str:
        """Posts, and gives back where it leads to."""
        answer = await self.post(path, **fields)
        assert answer.status_code == 302, said(answer)[-3000:]
        return str(answer.headers["location"])

    async def refused(self, code: int, path: str, /, **fields: str | list[str]) -> str:
        """Posts, and gives back what the page says."""
        answer = await self.post(path, **fields)
        assert answer.status_code == code, (answer.status_code, said(answer)[-3000:])
        return said(answer)


def said(answer: httpx.Response) -> str:
    return " ".join(unescape(answer.text).split())


Sits = Callable[..., Awaitable[Desk]]


@pytest.fixture
async def sits(site: Site) -> AsyncIterator[Sits]:
    """`await sits("ada.okafor")`: at a desk, logged in; without a name, not logged in."""
    async with AsyncExitStack() as stack:

        async def make(name: str | None = None) -> Desk:
            http = await stack.enter_async_context(httpx.AsyncClient(base_url=site.url, timeout=60, headers={"Origin": site.url}))
            if name is not None:
                answer = await log_in(http, name)
                assert answer.status_code == 302, answer.text[-2000:]
            return Desk(http)

        yield make


async def person(runtime: Runtime, first: str, last: str, *, platform_admin: bool = False) -> User:
    """With a verified account, in no organisation."""
    name = f"{first}.{last}".lower()
    user = await identity.prepare(NewUser(name, f"{name}@coffer.example", first, last), PASSWORD, 4, runtime.clock.now(), verified=True)
    user = user.model_copy(update={"platform_admin": platform_admin})
    await runtime.uow.run(lambda session: identity.register(session, user))
    return user


def admin_of(treasury: Treasury) -> Principal:
    """As whom a test prepares what is there already."""
    return Principal(treasury.admin.id, treasury.org_id, Role.ADMIN, GRANTABLE, "ses_of_the_test", treasury.now + timedelta(days=1))


async def invited(runtime: Runtime, treasury: Treasury, email: str, role: str = Role.USER) -> tuple[Invitation, str]:
    """The invitation, and the secret of its letter."""
    row = await invitations.invite(runtime.uow, runtime.clock, runtime.queue, admin_of(treasury), treasury.org_id, email, role)
    return row, await letter_token(runtime, row)


async def letter_token(runtime: Runtime, row: Invitation) -> str:
    assert await send_invitation_mail(runtime.uow, runtime.clock, runtime.mail, runtime.config.frontend_url, row.org_id, row.id)
    newest = max((runtime.config.log_dir / "mail").glob("*.eml"))
    words = message_from_bytes(newest.read_bytes(), policy=policy.default).get_content().split()
    return next(str(word).split("token=")[1] for word in words if "/invitations/accept/?token=" in word)

"""Webhooks as people keep them: added, changed, given another signing secret. Secrets are sealed at rest; who reads one is recorded."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crypto_api.events import store as events
from crypto_api.events.catalogue import domain_events
from crypto_api.identity.types import SecretBoxPort
from crypto_api.kit.clock import Clock
from crypto_api.kit.errors import FieldError, InvalidInput
from crypto_api.kit.ids import new_id
from crypto_api.organizations.types import Principal
from crypto_api.webhooks import rules, service
from crypto_api.webhooks.documents import Webhook
from crypto_api.webhooks.types import Receivers, SigningSecret
from mongodb_config.unit_of_work import Session, UnitOfWork


@dataclass(frozen=True)
class Desk:
    uow: UnitOfWork
    clock: Clock
    box: SecretBoxPort
    receivers: Receivers


@dataclass(frozen=True)
class NewWebhook:
    url: str
    kinds: Sequence[str] = ()
    description: str = ""


async def add_webhook(desk: Desk, principal: Principal, org_id: str, new: NewWebhook) -> Webhook:
    """It is told what happens from now on. InvalidInput, TooManyWebhooks."""
    kinds = _checked(desk, new.url, new.kinds)
    own_id = new_id("whk")
    sealed = desk.box.seal(rules.new_secret(), bound_to(own_id))

    async def work(session: Session) -> Webhook:
        now = desk.clock.now()
        row = Webhook(
            id=own_id,
            created_at=now,
            org_id=org_id,
            url=new.url,
            description=new.description,
            kinds=kinds,
            secrets=[SigningSecret(sealed=sealed, made_at=now)],
            done_seq=await events.head(org_id),
            created_by=principal.user_id,
        )
        await service.add(session, row, now)
        return row

    return await desk.uow.run(work)


async def change_webhook(desk: Desk, org_id: str, webhook_id: str, fields: Mapping[str, Any], expected: frozenset[int] | None = None) -> Webhook:
    """InvalidInput, NotFound, PreconditionFailed."""
    wanted = dict(fields)
    kinds = _checked(desk, wanted.get("url"), wanted.get("kinds", ()))
    if "kinds" in wanted:
        wanted["kinds"] = kinds
    return await desk.uow.run(lambda session: service.change(session, org_id, webhook_id, wanted, desk.clock.now(), expected))


async def rotate_secret(desk: Desk, org_id: str, webhook_id: str, *, at_once: bool, expected: frozenset[int] | None = None) -> Webhook:
    """NotFound, PreconditionFailed."""
    sealed = desk.box.seal(rules.new_secret(), bound_to(webhook_id))
    return await desk.uow.run(
        lambda session: service.rotate(session, org_id, webhook_id, sealed, desk.clock.now(), at_once=at_once, expected=expected)
    )


async def read_secret(desk: Desk, org_id: str, webhook_id: str) -> str:
    """The one that signs today, as a receiver is given it. NotFound."""
    row = await desk.uow.run(lambda session: service.secret_read(session, org_id, webhook_id, desk.clock.now()))
    return rules.shown(desk.box.open(row.secrets[0].sealed, bound_to(row.id)))


async def resume_webhook(desk: Desk, org_id: str, webhook_id: str, after_seq: int | None, expected: frozenset[int] | None = None) -> Webhook:
    """InvalidInput, NotFound, PreconditionFailed."""
    head = await events.head(org_id)
    return await desk.uow.run(lambda session: service.resume(session, org_id, webhook_id, after_seq, head, desk.clock.now(), expected))


def bound_to(webhook_id: str) -> str:
    """What its sealed secrets are bound to."""
    return f"webhook:{webhook_id}"


def _checked(desk: Desk, url: str | None, kinds: Collection[str]) -> list[str]:
    """The kinds, each once. InvalidInput."""
    errors = []
    if url is not None:
        problem = rules.problem_of_url(url) or desk.receivers.refusal(url)
        if problem:
            errors.append(FieldError("url", problem, "not_an_address"))
    if len(kinds) > rules.KINDS_MAX:
        errors.append(FieldError("kinds", f"has more than {rules.KINDS_MAX}: leave it empty for everything", "too_many"))
    elif unknown := rules.unknown_kinds(kinds, domain_events()):
        errors.append(FieldError("kinds", f"no event is called {unknown[0][:100]}", "unknown_kind"))
    if errors:
        raise InvalidInput(*errors)
    return list(dict.fromkeys(kinds))

"""What an event is. Each slice declares its own in `events.py`: a fact in the past tense with a typed payload."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class DomainEvent(BaseModel):
    """A fact about one organisation, written in the unit of work that made it true."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: ClassVar[str]
    """Dotted and stable, `invoice.paid`; its JSON schema is committed under `docs/events/`."""

    permission: ClassVar[str]
    """Who may see it: the permission that reading its subject needs."""

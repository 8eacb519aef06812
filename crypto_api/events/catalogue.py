"""Which events there are: those of every slice that the process has loaded."""

from crypto_api.events.types import DomainEvent


def domain_events() -> dict[str, type[DomainEvent]]:
    """By kind. ValueError when two share one."""
    found: dict[str, type[DomainEvent]] = {}
    for event in _descendants(DomainEvent):
        if "kind" in vars(event) and event.__module__.startswith("crypto_api."):
            if event.kind in found:
                raise ValueError(f"{event.__qualname__} and {found[event.kind].__qualname__} are both {event.kind}")
            found[event.kind] = event
    return dict(sorted(found.items()))


def _descendants(parent: type[DomainEvent]) -> list[type[DomainEvent]]:
    return [kind for child in parent.__subclasses__() for kind in (child, *_descendants(child))]

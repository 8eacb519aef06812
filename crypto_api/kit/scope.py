"""Whose rows a pass of a worker goes through."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class OrgScope:
    """One organisation, or all but some."""

    only: str | None = None
    skip: frozenset[str] = frozenset()

    def includes(self, org_id: str) -> bool:
        return org_id not in self.skip and self.only in (None, org_id)

    def within(self, org_ids: Collection[str]) -> list[str]:
        return [org_id for org_id in org_ids if self.includes(org_id)]

    def filter(self) -> dict[str, Any]:
        """The part of a query on rows of organisations that says so; empty for everybody's."""
        if self.only is not None:
            return {"org_id": self.only}
        return {"org_id": {"$nin": sorted(self.skip)}} if self.skip else {}


EVERYBODY = OrgScope()

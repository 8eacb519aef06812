"""What narrows a list, as it stands in the address."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from typing import ClassVar, Self
from urllib.parse import urlencode

from django.http import HttpRequest

TEXT_MAX = 100


@dataclass(frozen=True, slots=True)
class ListFilter:
    """Each field is a parameter. `view`, where there is one, is the tab that the list stands in, and narrows nothing by itself."""

    CHOICES: ClassVar[Mapping[str, Collection[str]]] = {}
    """Of a parameter that is one of several; another value counts as none."""

    @classmethod
    def of(cls, request: HttpRequest) -> Self:
        given = {field.name: request.GET.get(field.name, "").strip()[:TEXT_MAX] for field in fields(cls)}
        return cls(**{name: value if value in cls.CHOICES.get(name, (value,)) else "" for name, value in given.items()})

    @property
    def narrows(self) -> bool:
        return any(getattr(self, field.name) for field in fields(self) if field.name != "view")

    def query_string(self) -> str:
        return urlencode({field.name: value for field in fields(self) if (value := getattr(self, field.name))})

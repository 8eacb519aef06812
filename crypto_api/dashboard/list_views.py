"""The saved views above a list: `{% saved_views "payments" %}` leaves a mark, which becomes the views of this reader once the page is made.

A list has them without its view knowing: what narrows it is its filter's query string, which is what a saved view keeps and opens again."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode

from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.template.loader import get_template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from crypto_api.saved_views.documents import SavedView
from crypto_api.saved_views.types import NAME_MAX

NOT_FILTERS = frozenset({"done", "problem", "cursor", "limit", "check", "page"})
"""What else stands in the address of a list."""


@dataclass(slots=True)
class ListViews:
    """The mark of one page, if it has one."""

    request: HttpRequest
    name: str = ""
    query: str = ""
    narrows: bool = False
    _mark: SafeString = field(default_factory=lambda: format_html("<!--views:{}-->", secrets.token_hex(8)))

    def put(self, name: str, filter_: Any) -> SafeString:
        query = filter_.query_string
        self.name, self.query, self.narrows = name, query() if callable(query) else query, bool(filter_.narrows)
        return self._mark

    @property
    def unread(self) -> list[str]:
        """Parameters of the address that do not narrow the list: a view of earlier, of which something is gone, or a link with a mistake."""
        taken = dict(parse_qsl(self.query))
        return sorted(name for name, text in self.request.GET.items() if text.strip() and name not in NOT_FILTERS and name not in taken)

    def write_into(self, response: HttpResponse, views: Sequence[SavedView]) -> None:
        now = filters_of(self.query)
        values = {
            "name": self.name,
            "query": self.query,
            "narrows": self.narrows,
            "unread": self.unread,
            "views": [(view, urlencode(view.filters), view.filters == now) for view in views],
            "problem": self.request.GET.get("problem", ""),
            "name_max": NAME_MAX,
            "csrf_token": get_token(self.request),
            "path": self.request.path,
        }
        shown: str = get_template("dashboard/parts/views.html").render(values)
        response.content = response.content.replace(self._mark.encode(), shown.strip().encode())


def filters_of(query: str) -> Mapping[str, str]:
    return dict(parse_qsl(query))

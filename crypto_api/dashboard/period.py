"""The period that somebody looks at, carried from page to page: what is picked on one is what the next opens with.

The browser keeps it in a cookie, since it is a matter of this screen and no setting of the person; an address that names a period wins over it."""

from collections.abc import Collection

from django.http import HttpRequest

from crypto_api.dashboard.entry import cookie_name

PERIOD_COOKIE = "coffer_period"
DAYS = {"7d": 7, "30d": 30, "90d": 90, "1y": 365}


def carried(request: HttpRequest, offered: Collection[str], default: str) -> str:
    """What was picked last, where this page offers it too."""
    told = request.COOKIES.get(cookie_name(PERIOD_COOKIE), "")
    return told if told in offered else default

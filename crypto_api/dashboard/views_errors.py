"""Pages for what went wrong, in the same look. They read nothing, so that they also work when the database does not."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils import translation

from crypto_api.dashboard.translation import gettext
from crypto_api.kit.languages import Language


def _told(code: int, title: str, text: str) -> dict[str, object]:
    return {"code": code, "title": gettext(title), "text": gettext(text)}


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return render(request, "dashboard/error.html", _told(400, "That request could not be read", "Go back and try it again."), status=400)


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    text = "You may not see or do this."
    return render(request, "dashboard/error.html", _told(403, "Not for you", text), status=403)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form that was open for too long, or one that another site tried to send."""
    text = "The page was open for too long, or cookies are blocked. Load it again and repeat what you did; nothing was changed."
    return render(request, "dashboard/error.html", _told(403, "This form has expired", text), status=403)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    text = "There is nothing at this address, or it belongs to another organisation."
    return render(request, "dashboard/error.html", _told(404, "Nothing here", text), status=404)


def too_many(request: HttpRequest, retry_after_s: int) -> HttpResponse:
    text = gettext("Wait %(n)s seconds and load the page again.") % {"n": retry_after_s}
    values = {"code": 429, "title": gettext("Too many requests"), "text": text}
    response = render(request, "dashboard/error.html", values, status=429)
    response.headers["Retry-After"] = str(retry_after_s)
    return response


def server_error(request: HttpRequest) -> HttpResponse:
    text = "Something broke on our side and was written to the log. Your data is safe: a change is either done as a whole or not at all."
    return render(request, "dashboard/error.html", _told(500, "That did not work", text), status=500)


def busy_page(language: Language) -> bytes:
    """For whoever is sent away because too many others are at work, in front of everything that knows them."""
    with translation.override(language.value):
        text = "More is asked of this server than it can do at the moment. Nothing was changed. Try again in a few seconds."
        return str(render_to_string("dashboard/error.html", _told(503, "Too much at once", text))).encode()

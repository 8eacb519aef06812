"""The routes as they are shared out lead where each of them alone led."""

from collections.abc import Iterator

import pytest
from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, URLPattern, URLResolver, path, re_path, reverse
from django.urls.resolvers import RegexPattern

from crypto_api.dashboard import urls as dashboard
from crypto_api.http.api import api
from crypto_project.urls import by_first_segment

Found = tuple[object, dict[str, str], str, str | None]


def leads(resolver: URLResolver, asked: str) -> Found | None:
    try:
        found = resolver.resolve(asked)
    except Resolver404:
        return None
    return found.func, found.kwargs, found.route, found.url_name


def below(prefix: str, patterns: list[URLPattern | URLResolver]) -> URLResolver:
    return URLResolver(RegexPattern(rf"^{prefix}"), patterns)


def asked(prefix: str, patterns: list[URLPattern]) -> Iterator[str]:
    """Each route with a value for each parameter, one step beside it, and one step too far."""
    for pattern in patterns:
        filled = prefix + "/".join("7" if part.startswith("<") else part for part in str(pattern.pattern).split("/"))
        yield from (filled, f"{filled}x", f"{filled}x/", filled.removesuffix("/"))


@pytest.mark.parametrize("prefix", ["/api/", "/"])
def test_every_route_leads_where_it_did(prefix: str) -> None:
    routes = api.urls[0] if prefix == "/api/" else dashboard.urlpatterns
    flat, shared_out = below(prefix, list(routes)), below(prefix, by_first_segment(routes))
    paths = set(asked(prefix, routes))
    assert {each: leads(shared_out, each) for each in paths} == {each: leads(flat, each) for each in paths}
    assert len(shared_out.url_patterns) < len(routes) / 3


def test_what_begins_with_a_parameter_keeps_its_place() -> None:
    def view(request: HttpRequest) -> HttpResponse:
        raise NotImplementedError

    routes = [
        path("a/one/", view, name="first"),
        path("<str:any>/two/", view, name="any"),
        re_path("^b/", view, name="expression"),
        path("a/two/", view, name="never"),
        path("a/three/", view, {"extra": 1}, name="last"),
        path("b/four/", view, name="neither"),
        path("plain", view, name="plain"),
    ]
    flat, shared_out = below("/", list(routes)), below("/", by_first_segment(routes))
    wanted = {"/a/one/": "first", "/a/two/": "any", "/a/three/": "last", "/b/four/": "expression", "/plain": "plain"}
    assert {each: shared_out.resolve(each).url_name for each in wanted} == wanted
    assert [leads(shared_out, each) for each in wanted] == [leads(flat, each) for each in wanted]
    assert leads(shared_out, "/c/") is None


def test_names_lead_back() -> None:
    assert reverse("wallet-settings", args=["wal_1"]) == "/wallets/wal_1/settings/"
    assert reverse("api:openapi-json") == "/api/openapi.json"

"""Where requests go: the API, then the pages of the dashboard."""

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, include, path, re_path

from crypto_api.http import problems
from crypto_api.http.api import api


async def unknown_api_path(request: HttpRequest) -> HttpResponse:
    return problems.problem(request, 404, "not_found", "Not found", "There is no such path.")


urlpatterns: list[URLPattern | URLResolver] = [
    path("api/", api.urls),
    re_path("^api/", unknown_api_path),
    path("", include("crypto_api.dashboard.urls")),
]

handler400 = "crypto_api.dashboard.views_errors.bad_request"
handler403 = "crypto_api.dashboard.views_errors.forbidden"
handler404 = "crypto_api.dashboard.views_errors.not_found"
handler500 = "crypto_api.dashboard.views_errors.server_error"

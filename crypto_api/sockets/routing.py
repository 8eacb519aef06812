"""Where each console is found."""

from typing import Any
from urllib.parse import parse_qs

from channels.routing import URLRouter
from django.urls import path, re_path

from crypto_api.sockets.consumers import DashboardStatsConsole, EventsConsole, ManagerVerificationConsole, TaskLogConsole, UserManagementConsole


async def unknown(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Refuses the handshake: there is no such console."""
    await receive()
    await send({"type": "websocket.close"})


URLS = [
    path("api/ws/events/", EventsConsole.as_asgi()),
    path("api/ws/admin/task-logs/", TaskLogConsole.as_asgi()),
    path("api/ws/admin/dashboard-stats/", DashboardStatsConsole.as_asgi()),
    path("api/ws/admin/manager-verification/", ManagerVerificationConsole.as_asgi()),
    path("api/ws/admin/user-management/", UserManagementConsole.as_asgi()),
    re_path(r"", unknown),
]
_router = URLRouter(URLS)


async def websocket_application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """The ASGI application of every WebSocket. The ticket is taken out of the address before anybody can write that into a log; `after`
    stays as it was written, and is judged once it is known who asks."""
    try:
        asked = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True, max_num_fields=10)
    except ValueError:
        asked = {}
    tickets = asked.get("ticket", [])
    scope["ticket"] = tickets[0] if len(tickets) == 1 else None
    scope["after"] = asked.get("after", [])
    scope["query_string"] = b""
    await _router(scope, receive, send)

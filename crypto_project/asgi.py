"""The ASGI application: lifespan, then the guards, then Django for HTTP and Channels for WebSockets. Run it with `--lifespan on`."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crypto_project.settings")

from crypto_project.handler import django_handler

django_application = django_handler()  # sets Django up: what follows may import it

from channels.routing import ProtocolTypeRouter  # noqa: E402
from django.conf import settings  # noqa: E402

from crypto_api.sockets.routing import websocket_application  # noqa: E402
from crypto_project import urls as urls  # noqa: E402 - now: with the first request it would hold up the loop for three seconds
from crypto_project.edge import guarded  # noqa: E402
from crypto_project.lifespan import Lifespan  # noqa: E402
from crypto_project.signals import without_database_signals  # noqa: E402

without_database_signals()

unguarded = ProtocolTypeRouter({"http": django_application, "websocket": websocket_application})
bounds = {"running_max": settings.REQUESTS_RUNNING_MAX, "waiting_max": settings.REQUESTS_WAITING_MAX}
inner = guarded(unguarded, **bounds, trusted_proxies=settings.TRUSTED_PROXIES)
application = Lifespan(inner)

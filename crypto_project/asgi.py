"""The ASGI application: lifespan, then the body guard, then Django for HTTP and Channels for WebSockets. Run it with `--lifespan on`."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crypto_project.settings")

from django.core.asgi import get_asgi_application

django_application = get_asgi_application()  # sets Django up: what follows may import it

from channels.routing import ProtocolTypeRouter  # noqa: E402

from crypto_api.sockets.routing import websocket_application  # noqa: E402
from crypto_project.body_guard import BodyGuard  # noqa: E402
from crypto_project.lifespan import Lifespan  # noqa: E402
from crypto_project.signals import without_database_signals  # noqa: E402

without_database_signals()

inner = BodyGuard(ProtocolTypeRouter({"http": django_application, "websocket": websocket_application}))
application = Lifespan(inner)

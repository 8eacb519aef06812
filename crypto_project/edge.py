"""What stands in front of the application, from the outside in: who the client is, then what its request may look like."""

from collections.abc import Iterable

from crypto_project.body_guard import BodyGuard
from crypto_project.head_guard import HeadGuard
from crypto_project.refusal import App
from crypto_project.trusted_proxies import Network, TrustedProxies

UPLOADS = frozenset(
    {
        "/api/transactions/import/",
        "/transactions/import/",
        "/api/ai/upload-contract/",
        "/audits/order/",
        "/api/invoices/settings/logo/",
        "/invoices/settings/logo/put/",
    }
)
"""Paths that take files."""


def guarded(app: App, *, trusted_proxies: Iterable[Network] = ()) -> App:
    return TrustedProxies(HeadGuard(BodyGuard(app, uploads=UPLOADS)), trusted_proxies)

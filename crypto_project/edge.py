"""What stands in front of the application, from the outside in: who the client is, what its request may look like, whether there is room for it."""

from collections.abc import Iterable

from crypto_project.admission import Admission
from crypto_project.body_guard import BodyGuard
from crypto_project.head_guard import HeadGuard
from crypto_project.refusal import VIOLATIONS, App
from crypto_project.trusted_proxies import Network, TrustedProxies
from crypto_project.violation_reports import BYTES_MAX, ViolationReports

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


def guarded(app: App, *, running_max: int, waiting_max: int, trusted_proxies: Iterable[Network] = ()) -> App:
    """A body is read before there is a place for it: whoever sends slowly keeps nobody else waiting."""
    admission = Admission(app, running_max=running_max, waiting_max=waiting_max)
    bodies = BodyGuard(ViolationReports(admission), uploads=UPLOADS, short={VIOLATIONS: BYTES_MAX})
    return TrustedProxies(HeadGuard(bodies), trusted_proxies)

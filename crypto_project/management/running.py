"""How commands end when something is wrong."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management.base import CommandError

from crypto_project.embedded.child import ChildFailed
from crypto_project.embedded.ports import NoFreePort
from crypto_project.embedded.servers import DataDirInUse
from crypto_project.npm import NpmFailed
from crypto_project.vendor_assets import UnknownIcon


@contextmanager
def plain_failures() -> Iterator[None]:
    """Expected faults are told in words and end with code 1; anything else keeps its traceback."""
    try:
        yield
    except (ChildFailed, DataDirInUse, NoFreePort, NpmFailed, UnknownIcon) as problem:
        raise CommandError(str(problem)) from None

"""How commands end when something is wrong."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management.base import CommandError
from pydantic import ValidationError

from crypto_project.embedded.child import ChildFailed
from crypto_project.embedded.ports import NoFreePort
from crypto_project.embedded.servers import DataDirInUse
from crypto_project.npm import NpmFailed
from crypto_project.vendor_assets import UnknownIcon
from mongodb_config.migrations import DeployFailed
from mongodb_config.probe import UnfitServer


@contextmanager
def plain_failures() -> Iterator[None]:
    """Expected faults are told in words and end with code 1 (78: a database or settings that must not be used); anything else keeps its traceback."""
    try:
        yield
    except (ChildFailed, DataDirInUse, NoFreePort, NpmFailed, UnknownIcon) as problem:
        raise CommandError(str(problem)) from None
    except (UnfitServer, DeployFailed) as problem:
        raise CommandError(str(problem), returncode=problem.EXIT_CODE) from None
    except ValidationError as problem:
        faults = "; ".join(fault["msg"].removeprefix("Value error, ") for fault in problem.errors(include_input=False))
        raise CommandError(f"settings: {faults}", returncode=os.EX_CONFIG) from None

"""Programs that read what the product writes: other people's eyes on our files."""

import os
import shutil

import pytest


def program(name: str) -> str:
    """Its path. Without it the test is skipped, unless COFFER_REQUIRE_BROWSER=1 says that this machine has everything."""
    found = shutil.which(name)
    if found is None:
        if os.environ.get("COFFER_REQUIRE_BROWSER") == "1":
            pytest.fail(f"COFFER_REQUIRE_BROWSER=1, but there is no {name} on PATH")
        pytest.skip(f"there is no {name} on PATH")
    return found

"""The planted bugs: a patch each, and in `bugs.toml` what it would do, which mistake it stands for, and who has to find it."""

import os
import shlex
import subprocess
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent


class Tier(StrEnum):
    SUITE = "suite"  # named tests
    MATRIX = "matrix"  # every operation, page and console as everybody
    SIMULATE = "simulate"  # seeded schedules of the machines
    CHAOS = "chaos"  # real processes, killed
    LINT = "lint"  # rules over the source


@dataclass(frozen=True)
class Bug:
    name: str
    does: str
    stands_for: str
    tier: Tier
    command: str
    shown_by: str
    """What the command must say, beside ending with something else than 0."""

    @property
    def patch(self) -> Path:
        return HERE / f"{self.name}.patch"

    @property
    def arguments(self) -> list[str]:
        return shlex.split(self.command)


def planted() -> list[Bug]:
    rows: Mapping[str, Mapping[str, str]] = tomllib.loads((HERE / "bugs.toml").read_text())
    return [Bug(name=name, **{**row, "tier": Tier(row["tier"])}) for name, row in sorted(rows.items())]


def applied(patch: Path, folder: Path, *flags: str) -> str:
    """Applies it there, or with the flags of `git apply`; empty, or why it does not go."""
    outside = os.environ | {"GIT_CEILING_DIRECTORIES": str(folder.parent)}  # a copy inside of another repository is none of it
    done = subprocess.run(["git", "apply", *flags, str(patch)], cwd=folder, env=outside, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stderr.strip() or f"git apply ended with {done.returncode}"

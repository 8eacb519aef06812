"""Mutants that are no other program to anybody outside: nothing that a person, a request or a row can do shows the difference. Each with the reason.
A wall that merely stands behind another one does not belong here: it has a test of its own."""

from tests.mutants.generate import Mutant

EQUIVALENT: dict[tuple[str, str, str], str] = {}
"""(file, function, how what is taken away begins) → why."""


def reason_of(mutant: Mutant) -> str | None:
    found = (why for (file, function, what), why in EQUIVALENT.items() if (file, function) == (mutant.file, mutant.function) and what in mutant.what)
    return next(found, None)

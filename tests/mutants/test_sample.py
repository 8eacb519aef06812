"""A few of the mutants, each of which the matrix must find. All of them: `python -m tests.mutants`."""

import ast
from collections import Counter

import pytest

from tests.authorization import cells, product
from tests.authorization.casting import Casting
from tests.authorization.conftest import casting, house, quiet
from tests.authorization.house import House
from tests.authorization.test_operations import Trial
from tests.mutants.generate import ROOT, Mutant, mutants
from tests.mutants.live import swapped
from tests.tenant_guard import guard

__all__ = ["casting", "house", "quiet"]  # fixtures

SAMPLE = [
    ("crypto_api/wallets/store.py", "get", "without org_id", "get_wallet"),
    ("crypto_api/identity/store.py", "live_session", "without ended_at", "get_profile"),
    ("crypto_api/flows/authenticate.py", "denied_in", "decides nothing", "list_wallets"),
    ("crypto_api/flows/authenticate.py", "_as_found", "never refuses: if user is None", "get_profile"),
    ("crypto_api/flows/step_up.py", "require_approval", "decides nothing", "begin_totp_setup"),
]


@pytest.fixture(scope="module")
def all_mutants() -> list[Mutant]:
    return mutants()


def test_every_mutant_is_python_and_another_program(all_mutants: list[Mutant]) -> None:
    trees = {mutant.file: ast.dump(ast.parse((ROOT / mutant.file).read_bytes())) for mutant in all_mutants}
    for mutant in all_mutants:
        assert ast.dump(ast.parse(mutant.source())) != trees[mutant.file], mutant.name
    counted = Counter(mutant.area for mutant in all_mutants)
    assert counted["query"] > 100
    assert counted["access"] > 200
    assert counted["check"] > 100


@pytest.mark.parametrize(("file", "function", "what", "operation"), SAMPLE)
async def test_the_matrix_finds_it(
    file: str, function: str, what: str, operation: str, house: House, casting: Casting, all_mutants: list[Mutant]
) -> None:
    (mutant,) = [row for row in all_mutants if (row.file, row.function) == (file, function) and row.what.startswith(what)]

    async def faults() -> list[str]:
        trial = Trial(house, casting, cells.operations()[operation], product.operations()[operation])
        await trial.run()
        seen, guard.violations[:] = [*trial.faults, *guard.violations], []
        return seen

    assert await faults() == []
    changed = swapped(mutant.file, mutant.source())
    assert changed, "it was not found in the running program"
    try:
        assert await faults() != []
    finally:
        for live, code in changed:
            live.__code__ = code
    assert await faults() == []

"""Money that comes for invoices, matched by a process that dies at its named steps.

    manage.py chaos --of receipts [--runs 50] [--seed 1]

A run is eight organisations, each with one case of `tests/receivables/test_matrix.py`: what is paid, when, in which asset. What comes in a round is
matched by a process that dies by SIGKILL where the plan says, before the commit or right after it; another one goes on. At the end each case says
status, amount, flags, receipts and books to the last unit, as it does where nobody dies: nothing is applied twice, and suspense ends at zero.
"""

import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

from crypto_api.invoices.documents import InvoicePayment
from crypto_project.embedded.servers import Configured, EmbeddedServers
from tests.chaos.report import Outcome
from tests.chaos.steps import MATCHING
from tests.factories.chain_house import House, open_house
from tests.factories.killed import killed_at
from tests.receivables import test_matrix as matrix

CASES = 8
FIT = [case for case in matrix.MAIN if all(step.startswith("pay ") for step in case.steps)]
_IMPORTS = "from crypto_api.desks import matcher_of\nfrom crypto_api.flows.match_receipts import match_due"
_CALL = "match_due(matcher_of(runtime))"


@dataclass(frozen=True)
class Plan:
    seed: int
    cases: tuple[str, ...]
    kills: tuple[tuple[str, int], ...]  # (step, at which pass), of the first round

    @classmethod
    def of(cls, seed: int) -> "Plan":
        random = Random(seed)
        paid_at_once = [case.name for case in FIT if case.name in ("exact", "half", "two halves")]
        others = random.sample([case.name for case in FIT if case.name not in paid_at_once], CASES - len(paid_at_once))
        steps = random.sample(MATCHING, len(MATCHING))
        return cls(seed, (*paid_at_once, *others), tuple((step, 1 if place else random.randint(1, 2)) for place, step in enumerate(steps)))

    def __str__(self) -> str:
        return f"{self.seed} [{', '.join(f'{step}:{nth}' for step, nth in self.kills)}] {', '.join(self.cases)}"


async def run(house: House, folder: Path, plan: Plan) -> Outcome:
    outcome = Outcome(plan)
    runs = await matrix.started(house, [case for case in matrix.MAIN if case.name in plan.cases])
    for number in range(max(len(one.case.steps) for one in runs)):
        for one in runs:
            if number < len(one.case.steps):
                await one.act(one.case.steps[number])
        await house.mine()
        await house.actor.mine_many(matrix.ROUND_FINAL)
        await house.follow()
        for step, nth in plan.kills if number == 0 else ():
            await killed_at(house.runtime.config, folder, step, _IMPORTS, _CALL, nth=nth)
            outcome.fired[step] += 1
        await runs[0].payee.match()
    try:
        await matrix.check(runs)
        await matrix.nothing_in_suspense(runs)
        await _every_payment_is_of_a_receipt(runs)
    except AssertionError as error:
        outcome.problems.append(str(error))
    outcome.counted += Counter({"invoices": len(runs), "receipts": sum([len(await one.payee.receipts()) for one in runs])})
    return outcome


async def _every_payment_is_of_a_receipt(runs: Sequence[matrix.Run]) -> None:
    """What stands at invoices as paid is what was used of receipts, each once: a row that outlived its unit of work is none of either."""
    for one in runs:
        used = sorted(use.id for row in await one.payee.receipts() for use in row.uses if use.kind == "invoice")
        paid = sorted(row.id for row in await InvoicePayment.find({"org_id": one.payee.org_id}).to_list())
        assert paid == used, f"{one.case.name}: {len(paid)} payments stand at its invoices, and {len(used)} were used of what came"


async def receipt_runs(seeds: Sequence[int]) -> AsyncIterator[Outcome]:
    async with _house() as (house, folder):
        for seed in seeds:
            yield await run(house, folder, Plan.of(seed))


def planned(seeds: Sequence[int]) -> Counter[str]:
    return Counter(step for seed in seeds for step, _ in Plan.of(seed).kills)


@asynccontextmanager
async def _house() -> AsyncIterator[tuple[House, Path]]:
    with tempfile.TemporaryDirectory(prefix="chaos-receipts-") as name:
        folder = Path(name)
        (folder / "orders").mkdir()

        async with (
            EmbeddedServers(folder / "data", folder / "servers", configured=Configured.nothing(), chain=None) as servers,
            open_house(servers.addresses, folder) as house,
        ):
            yield house, folder / "orders"

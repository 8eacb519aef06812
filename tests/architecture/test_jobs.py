"""Every job that a slice declares has exactly one actor, and carries ids only."""

import importlib
from collections.abc import Iterable

from pydantic import BaseModel

from crypto_api.kit.jobs import Job
from tests.architecture.reading import python_files
from workers import jobs as edge

ID_TYPES = (str, int)


def declared_jobs() -> list[type[BaseModel]]:
    """Every model that stands in a slice's jobs.py."""
    modules = [importlib.import_module(f"crypto_api.{path.parent.name}.jobs") for path in python_files("crypto_api") if path.name == "jobs.py"
               if path.parent.name != "kit"]  # fmt: skip
    found = [value for module in modules for value in vars(module).values() if isinstance(value, type) and issubclass(value, BaseModel)]
    return [job for job in found if job.__module__.endswith(".jobs") and job is not Job]


def faults_of(jobs: Iterable[type[BaseModel]], actors: Iterable[edge.Actor]) -> list[str]:
    faults, bound, names = [], [actor.job for actor in actors], [getattr(job, "name", None) for job in jobs]
    for job in jobs:
        if not issubclass(job, Job):
            faults.append(f"{job.__name__}: is not a Job")
        if (count := sum(other is job for other in bound)) != 1:
            faults.append(f"{job.__name__}: has {count} actors")
        if names.count(getattr(job, "name", None)) > 1:
            faults.append(f"{job.__name__}: shares its name")
        faults += [f"{job.__name__}: {name} is no id" for name, info in job.model_fields.items() if info.annotation not in ID_TYPES]
    return faults + [f"{job.__name__}: has an actor and stands in no slice" for job in bound if job not in list(jobs)]


def test_every_job_has_one_actor() -> None:
    assert faults_of(declared_jobs(), edge.ACTORS) == []


def test_the_check_finds_bad_jobs() -> None:
    class Forgotten(Job):
        name = "forgotten"
        wallet_id: str

    class Heavy(Job):
        name = "heavy"
        payload: dict[str, str]

    class Stray(Job):
        name = "stray"

    async def run(*_: object) -> None: ...

    assert faults_of([Forgotten, Heavy], [edge.Actor(Heavy, run), edge.Actor(Stray, run)]) == [
        "Forgotten: has 0 actors",
        "Heavy: payload is no id",
        "Stray: has an actor and stands in no slice",
    ]

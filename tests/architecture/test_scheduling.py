"""The order in which the suite begins its files."""

from types import SimpleNamespace
from typing import Any

from tests.architecture.reading import ROOT
from tests.scheduling import ONE_INSTALLATION, SLOWEST, in_order, scope_of


def test_what_begins_first_exists_and_is_named_once() -> None:
    assert [name for name in (*SLOWEST, *ONE_INSTALLATION) if not (ROOT / name).exists()] == []
    assert len(set(SLOWEST)) == len(SLOWEST)


def test_a_file_or_one_installation_is_not_divided() -> None:
    assert scope_of("tests/kit/test_ids.py::test_x[a::b]") == "tests/kit/test_ids.py"
    assert scope_of("tests/e2e/test_canary.py::test_x") == scope_of("tests/e2e/test_outages.py::test_y") == "tests/e2e"


def test_the_slowest_come_first_and_the_others_as_they_were() -> None:
    def item(nodeid: str) -> Any:
        return SimpleNamespace(nodeid=nodeid)

    given = ["tests/kit/test_b.py::x", f"{SLOWEST[1]}::b", "tests/kit/test_a.py::y", "tests/e2e/test_canary.py::z", f"{SLOWEST[1]}::a"]
    wanted = ["tests/e2e/test_canary.py::z", f"{SLOWEST[1]}::b", f"{SLOWEST[1]}::a", "tests/kit/test_b.py::x", "tests/kit/test_a.py::y"]
    assert [each.nodeid for each in in_order([item(nodeid) for nodeid in given])] == wanted

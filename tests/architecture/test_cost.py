"""What is told of where the suite's time goes."""

import subprocess
import sys
import time

from tests.cost import COLUMNS, difference, spent, table

BUSY_S = 0.3
BUSY = f"import time\nwhile time.process_time() < {BUSY_S}: pass\nprint(flush=True)\ninput()"


def test_what_a_child_takes_is_counted_while_it_runs_and_when_it_has_ended() -> None:
    before = spent()
    with subprocess.Popen([sys.executable, "-c", BUSY, "secantusdb"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        running = difference(before, spent())
        child.communicate(b"\n")
    ended = difference(before, spent())
    assert running["database"] >= BUSY_S - 0.05
    assert ended["database"] < BUSY_S - 0.05  # not told twice; the database that the tests share may have worked meanwhile
    assert ended["ended"] >= BUSY_S - 0.05


def test_the_own_process_counts_as_that_of_the_tests() -> None:
    before, until = spent(), time.process_time() + BUSY_S
    while time.process_time() < until:
        pass
    assert difference(before, spent())["tests"] >= BUSY_S - 0.05


def test_what_one_that_ended_had_taken_before_is_not_counted_again() -> None:
    nothing = dict.fromkeys(COLUMNS, 0.0)
    found = difference(nothing | {"database": 5.0, "ended": 1.0}, nothing | {"ended": 8.0})
    assert (found["database"], found["ended"]) == (0.0, 2.0)


def test_files_of_several_processes_are_told_together_the_costliest_first() -> None:
    told = table([{"a.py": {"tests": 1.0, "database": 2.0, "elapsed": 4.0}}, {"b.py": {"tests": 9.0}, "c.py": {"tests": 0.1}}])
    assert [(line.split()[0], line.split()[-1]) for line in told[1:]] == [("12.1", "(all)"), ("9.0", "b.py"), ("3.0", "a.py")]

"""The hierarchy stays a forest of bounded height whatever is tried on it; statuses follow one another as they may."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_api.employees.rules import ALLOWED, chain_above, depths_below, folded_name, may_become, refusal_of_manager, scope_of
from crypto_api.employees.types import DEPTH_MAX, EmployeeStatus

PEOPLE = [f"emp_{number}" for number in range(8)]
Step = tuple[str, str | None]
STEPS = st.lists(st.tuples(st.sampled_from(PEOPLE), st.sampled_from([*PEOPLE, None])), max_size=40)


def after(steps: list[Step], depth_max: int = DEPTH_MAX) -> dict[str, str | None]:
    """The hierarchy when each change that is not refused is made."""
    managers: dict[str, str | None] = dict.fromkeys(PEOPLE)
    for person, manager in steps:
        if manager is None or refusal_of_manager(managers, person, manager, depth_max) is None:
            managers[person] = manager
    return managers


def height(managers: dict[str, str | None], person: str) -> int:
    """By walking up without any help; loud when that does not end."""
    levels, at = 1, managers[person]
    while at is not None:
        levels, at = levels + 1, managers[at]
        assert levels <= len(managers), "a circle"
    return levels


@settings(max_examples=300, deadline=None)
@given(STEPS)
def test_no_series_of_changes_closes_a_circle(steps: list[Step]) -> None:
    managers = after(steps)
    for person in PEOPLE:
        assert len([*chain_above(managers, person)]) == height(managers, person) - 1
        assert person not in depths_below(managers, person)


@settings(max_examples=300, deadline=None)
@given(STEPS, st.integers(2, 5))
def test_no_series_of_changes_passes_the_greatest_height(steps: list[Step], depth_max: int) -> None:
    managers = after(steps, depth_max)
    assert max(height(managers, person) for person in PEOPLE) <= depth_max


@settings(max_examples=300, deadline=None)
@given(STEPS, st.sampled_from(PEOPLE), st.sampled_from(PEOPLE))
def test_only_what_would_be_wrong_is_refused(steps: list[Step], person: str, manager: str) -> None:
    managers = after(steps)
    refusal = refusal_of_manager(managers, person, manager)
    would_circle = person == manager or person in chain_above(managers, manager)
    assert (refusal is not None) == would_circle


@settings(max_examples=200, deadline=None)
@given(STEPS)
def test_a_team_is_everybody_who_has_that_manager_above_them(steps: list[Step]) -> None:
    managers = after(steps)
    for manager in PEOPLE:
        team = {person: [*chain_above(managers, person)].index(manager) + 1 for person in PEOPLE if manager in chain_above(managers, person)}
        assert depths_below(managers, manager) == team


def test_what_is_stored_as_a_circle_ends_every_walk() -> None:
    circle: dict[str, str | None] = {"a": "b", "b": "c", "c": "a"}
    assert [*chain_above(circle, "a")] == ["b", "c"]
    assert depths_below(circle, "a") == {"c": 1, "b": 2}


@pytest.mark.parametrize(
    ("person", "manager", "code"),
    [("ann", "ann", "own_manager"), ("ann", "nobody", "unknown_manager"), ("ann", "cid", "cycle"), ("new", "cid", None), ("cid", "ann", None)],
)
def test_a_refusal_says_why(person: str, manager: str, code: str | None) -> None:
    managers: dict[str, str | None] = {"ann": None, "bob": "ann", "cid": "bob"}
    refusal = refusal_of_manager(managers, person, manager)
    assert (refusal and refusal[1]) == code


def test_the_greatest_height_counts_what_is_below_as_well() -> None:
    line: dict[str, str | None] = {"1": None, "2": "1", "3": "2", "x": None, "y": "x"}
    assert refusal_of_manager(line, "x", "3", 5) is None
    refusal = refusal_of_manager(line, "x", "3", 4)
    assert refusal is not None
    assert refusal[1] == "too_deep"


def test_a_manager_governs_the_team_and_never_themselves() -> None:
    managers: dict[str, str | None] = {"ann": None, "bob": "ann", "cid": "bob", "dot": None}
    own = scope_of(managers, "ann", whole=False)
    assert [name for name in managers if own.governs(name)] == ["bob", "cid"]
    assert [name for name in managers if own.sees(name)] == ["ann", "bob", "cid"]
    everybody = scope_of(managers, "ann", whole=True)
    assert [name for name in managers if everybody.governs(name)] == ["bob", "cid", "dot"]
    nobody = scope_of(managers, None, whole=False)
    assert not any(nobody.sees(name) for name in managers)


def test_no_status_leads_out_of_removed_or_into_invited() -> None:
    assert set(ALLOWED) == set(EmployeeStatus)
    for wanted in EmployeeStatus:
        assert not may_become(EmployeeStatus.REMOVED, wanted)
        assert not may_become(wanted, EmployeeStatus.INVITED)
        assert not may_become(wanted, EmployeeStatus.REMOVED)
        assert not may_become(EmployeeStatus.INVITED, wanted)
    assert may_become(EmployeeStatus.ACTIVE, EmployeeStatus.SUSPENDED)
    assert not may_become(EmployeeStatus.REJECTED, EmployeeStatus.ACTIVE)


def test_names_sort_by_family_name() -> None:
    assert sorted([folded_name("Zoë", "abel"), folded_name("Ada", "Byron"), folded_name("", "")]) == ["", "abel zoë", "byron ada"]

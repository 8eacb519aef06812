"""What is told as confidence holds on a labelled set that set no figure: nothing is told surer than it turns out, and what is booked is right."""

from benchmarks.classification import Calibration, judge, own_rules
from benchmarks.labelled_movements import Town, labelled

ENOUGH = 30  # of a kind, before its share says something


def test_nothing_is_told_surer_than_it_turns_out() -> None:
    calibration = Calibration()
    scores = judge(list(labelled(3_000, 5)), own_rules(Town(5)), calibration)
    assert [(scores[source].right, scores[source].said) for source in ("fact", "rule")] == [(scores[name].said,) * 2 for name in ("fact", "rule")]
    memory = scores["memory"]
    assert memory.said > 100 and memory.right / memory.said > 0.97
    told = {key: one for key, one in calibration.levels.items() if one.said >= ENOUGH}
    assert len(told) >= 3
    for key, one in told.items():
        assert one.mean < one.precision + 0.02, (key, one)

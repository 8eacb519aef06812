import re
from pathlib import Path

from tests.chaos.steps import LOTS, OF_OTHERS, PAYROLL, RECEIPTS, RECURRING, STEPS

ROOT = Path(__file__).resolve().parents[2]
_NAMED = re.compile(r"""\b(?:faultpoint\(|_pass\()"([^"]+)\"""")  # one, or one for each of several


def test_every_named_step_of_the_product_is_killed_at() -> None:
    named = [
        name for folder in ("crypto_api", "signer", "workers") for path in (ROOT / folder).rglob("*.py") for name in _NAMED.findall(path.read_text())
    ]
    assert set(named) == {*STEPS, *PAYROLL, *RECEIPTS, *RECURRING, *LOTS, *OF_OTHERS}
    assert not OF_OTHERS & set(STEPS)

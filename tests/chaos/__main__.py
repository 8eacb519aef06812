"""`python -m tests.chaos`, or `manage.py chaos`: real processes killed at their named steps, and counted afterwards by what shares nothing with them.

--of WHAT   payments, following or providers (all; may be given more than once)
--runs N    of each (40)
--seed S    the first seed (1)
"""

import argparse
import subprocess
import sys
import time

PROGRAMMES = {"payments": ("payment_crashes", "--runs"), "following": ("follower_crashes", "--runs"), "providers": ("provider_faults", "--rounds")}


def main() -> int:
    parser = argparse.ArgumentParser(prog="manage.py chaos", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--of", choices=sorted(PROGRAMMES), action="append")
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    worst = 0
    for name in options.of or PROGRAMMES:
        began = time.monotonic()
        module, count = PROGRAMMES[name]
        command = [sys.executable, "-m", f"tests.chaos.{module}", count, str(options.runs), "--seed", str(options.seed)]
        code = subprocess.run(command, check=False).returncode
        print(f"{name}: {options.runs} runs, {'no violation' if code == 0 else 'VIOLATIONS'}, {time.monotonic() - began:.0f} s", flush=True)
        worst = max(worst, code)
    return worst


if __name__ == "__main__":
    raise SystemExit(main())

"""A name for this process that another one can check: is it surely dead?

Leases and presence rows carry it, so that whoever takes over on the same machine need not wait for time to run out.
"""

import os
import socket
from pathlib import Path


def process_name() -> str:
    """`<host>|<where its number counts>|<number>|<when it started>`."""
    pid = os.getpid()
    return f"{socket.gethostname()}|{_number_space()}|{pid}|{_started(pid)}"


def surely_dead(name: str) -> bool:
    """True only where this process can tell: same boot and same process-number space, and no process of that number and start is there."""
    _, space, pid, started, *_ = [*name.split("|"), "", "", "", ""]
    if not space or space != _number_space() or not pid.isdigit():
        return False
    return _started(int(pid)) != started


def _number_space() -> str:
    """Empty where the system does not say: then nobody is ever surely dead. Containers on one host differ in it."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def _started(pid: int) -> str:
    """In ticks since boot, empty when there is no such process or it only waits to be buried (a zombie)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]

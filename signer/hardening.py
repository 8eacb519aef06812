"""What keeps a process with keys from leaving traces: no core file, nobody looks into its memory, nothing of it goes to the swap."""

import ctypes
import os
import resource
import sys

_PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS, _PR_SET_PDEATHSIG = 4, 38, 1
_MCL_CURRENT, _MCL_FUTURE = 1, 2
_CLONE_NEWNET = 0x40000000
_SIGKILL = 9


def harden() -> list[str]:
    """What the system did not allow, in words: for the log."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform != "linux":
        return ["this system is not Linux: other processes of the same user may read its memory"]
    libc = ctypes.CDLL(None, use_errno=True)
    missing = []
    for number, value, what in ((_PR_SET_DUMPABLE, 0, "hide its memory"), (_PR_SET_NO_NEW_PRIVS, 1, "refuse new privileges")):
        if libc.prctl(number, value, 0, 0, 0) != 0:
            missing.append(what)
    if not _locked(libc):
        missing.append("keep its memory out of the swap (RLIMIT_MEMLOCK)")
    return missing


def leave_the_network() -> bool:
    """Whether this process has no network any more: it takes a right (CAP_SYS_ADMIN) that a production user may not have."""
    return sys.platform == "linux" and bool(ctypes.CDLL(None).unshare(_CLONE_NEWNET) == 0)


def die_with(parent: int) -> None:
    """The kernel kills this process when its parent ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it ended before the line above
        raise SystemExit(1)


def _locked(libc: ctypes.CDLL) -> bool:
    """With a limit, what is allocated later would fail instead of being locked: then nothing is."""
    unlimited = os.geteuid() == 0 or resource.getrlimit(resource.RLIMIT_MEMLOCK)[0] == resource.RLIM_INFINITY
    return unlimited and bool(libc.mlockall(_MCL_CURRENT | _MCL_FUTURE) == 0)

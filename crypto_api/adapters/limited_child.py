"""`python -I limited_child.py PARENT_PID BYTES SECONDS FILE_BYTES COMMAND…`: becomes COMMAND, with at most so much memory (address space), time on
the processor and size of a file, no core dump, and killed with its parent (Linux).

For work on what a stranger sent. A program of its own rather than a `preexec_fn`, which is not safe in a process with threads. Standard library
only.
"""

import os
import resource
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, memory, seconds, file_bytes = (int(part) for part in sys.argv[1:5])
    command = sys.argv[5:]
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the line above
        sys.exit(1)
    for what, most in ((resource.RLIMIT_AS, memory), (resource.RLIMIT_CPU, seconds), (resource.RLIMIT_FSIZE, file_bytes), (resource.RLIMIT_CORE, 0)):
        resource.setrlimit(what, (most, most))
    try:
        os.execvp(command[0], command)
    except OSError as problem:
        sys.exit(f"{command[0]}: {problem.strerror}")


if __name__ == "__main__":
    main()

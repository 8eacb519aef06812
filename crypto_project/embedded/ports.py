"""Free TCP ports of this machine."""

import random
import socket

_handed_out: set[int] = set()
_BELOW_EPHEMERAL = range(20_000, 32_000)  # outgoing connections take theirs above, so a chosen port stays free until it is used


class NoFreePort(RuntimeError):
    pass


def free_port() -> int:
    """A port that nothing listens on, and that this process has not been given before."""
    for port in random.sample(_BELOW_EPHEMERAL, len(_BELOW_EPHEMERAL)):
        if port not in _handed_out and is_free(port):
            _handed_out.add(port)
            return port
    raise NoFreePort("no free TCP port between 20000 and 32000")


def first_free_from(port: int, *, tries: int = 100) -> int:
    """`port`, or the next one that is free."""
    for candidate in range(port, min(port + tries, 65_536)):
        if is_free(candidate):
            return candidate
    raise NoFreePort(f"no free TCP port from {port} to {port + tries - 1}")


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: a port in TIME_WAIT counts as free
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True

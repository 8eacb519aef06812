"""`python -m signer.vault HANDLE`: the process that holds the master keys. It talks to the desk alone, over a socket that it inherits.

Python cannot overwrite what a key stood in, so every use of one happens in a child that ends with it. There is no thread and no event loop here,
so a child is a plain copy of this loop. A frame is one datagram of JSON with the number under which the desk waits for its answer.
"""

import gc
import os
import selectors
import signal
import socket
import sys
from contextlib import suppress

import orjson
from pydantic import ValidationError

from crypto_api.kit.faultpoint import faultpoint
from signer.hardening import die_with, harden, leave_the_network
from signer.keyring import Keyring, open_keyring
from signer.settings import VAULT_NAMES, VaultSettings
from signer.uses import use, warm_up

FRAME_BYTES_MAX = 131_072
CHILD_S_MAX = 20


def main() -> None:
    channel = socket.socket(fileno=int(sys.argv[1]))
    die_with(int(sys.argv[2]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the desk ends it, by closing the channel
    missing = harden()
    if not leave_the_network():
        missing.append("leave the network")
    try:
        keyring = open_keyring(VaultSettings())
    except ValidationError as error:
        faults = [fault["msg"].removeprefix("Value error, ") for fault in error.errors(include_input=False)]
        channel.send(orjson.dumps({"unfit": "; ".join(faults)}))
        raise SystemExit(os.EX_CONFIG) from None
    for name in VAULT_NAMES:
        os.environ.pop(name, None)
    intake = keyring.intake
    channel.send(orjson.dumps({"key_id": keyring.sealer.key_id, "kid": intake.kid, "x": intake.x, "y": intake.y, "missing": missing}))
    warm_up()
    gc.collect()
    gc.freeze()  # a child then copies fewer pages
    serve(channel, keyring)


def serve(channel: socket.socket, keyring: Keyring) -> None:
    """Until the desk closes its end."""
    waiting: dict[int, int] = {}  # number of the frame by the child that has it
    bell, ringer = socket.socketpair()
    for end in (bell, ringer):
        end.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(ringer.fileno(), warn_on_full_buffer=False)
    with selectors.DefaultSelector() as selector:
        selector.register(channel, selectors.EVENT_READ)
        selector.register(bell, selectors.EVENT_READ)
        while True:
            ready = {key.fileobj for key, _ in selector.select()}
            if bell in ready:
                with suppress(BlockingIOError):
                    bell.recv(4_096)
                _reap(channel, waiting)
            if channel in ready:
                frame = channel.recv(FRAME_BYTES_MAX)
                if not frame:
                    signal.set_wakeup_fd(-1)  # a child may end after this
                    return
                question = orjson.loads(frame)
                faultpoint("vault.asked")
                child = os.fork()
                if child == 0:
                    _answer(channel, keyring, question)
                waiting[child] = question["number"]


def _answer(channel: socket.socket, keyring: Keyring, question: dict[str, object]) -> None:
    """In the child: never returns."""
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.alarm(CHILD_S_MAX)
        channel.send(orjson.dumps({"number": question["number"], **use(keyring, question)}))
        os._exit(0)
    except BaseException as error:  # whatever it was: its text may hold what nobody may see
        with suppress(BaseException):
            channel.send(orjson.dumps({"number": question["number"], "fault": type(error).__name__}))
    finally:
        os._exit(0)


def _reap(channel: socket.socket, waiting: dict[int, int]) -> None:
    """A child that ended without an answer (out of memory, out of time) is told of: the desk waits for it."""
    while waiting:
        with suppress(ChildProcessError):
            child, status = os.waitpid(-1, os.WNOHANG)
            if child == 0:
                return
            number = waiting.pop(child)
            if status != 0:
                channel.send(orjson.dumps({"number": number, "fault": "the child was ended"}))


if __name__ == "__main__":
    main()

"""The faults that befall an installation, each by its name and the number that it has in the list of faults (`docs/chaos.md`).

A fault begins at a moment of its cycle and ends at another; what ends it must also work when something else has happened meanwhile. `began` says
whether it befell anybody as far as one can tell at once: what a proxy or a named step does is counted when it is done.
"""

import os
import resource
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

from crypto_api.adapters.queue import JobQueue
from crypto_api.kit.faultpoint import order_kill
from crypto_api.payments.jobs import PaymentDue
from tests.chaos.fault import LONG_S, STEP_S, Act, Fault, Stage
from tests.chaos.fault_proxy import LINE_FAULTS, Corrupt, Delay, HalfOpen, LineFault, LoseReply, Reset, Stall, Trickle, Truncate
from tests.chaos.installation import DEPTH_MAX, PROCESSES
from tests.chaos.machine_faults import machine_faults
from tests.chaos.provider_faults import LINE, PROVED_ONLY, SEEN_AT_ONCE, label, lie
from tests.chaos.steps import FOLLOWER, SIGNER, WORKER
from tests.factories import fault_proxy as rpc

PASSED_OFTEN = frozenset(
    {"payment.before_intent", "payment.after_intent", "advance_chain.read", "advance_chain.before_commit", "advance_chain.committed"}
)
QUEUE_KEYS = ("coffer:jobs", "arq:queue", "coffer:jobs:health-check")
UNKNOWN_RESULT, TRANSIENT = "UnknownTransactionCommitResult", "TransientTransactionError"


# ---- processes -------------------------------------------------------------------------------------------------------------------


def _signalled(name: str, what: int) -> Act:
    async def act(stage: Stage) -> bool:
        with suppress(ProcessLookupError):
            os.kill(stage.house.processes[name].pid, what)
            return True
        return False

    return act


def _limited(name: str, what: int, limit: Callable[[int], int]) -> Act:
    async def act(stage: Stage) -> bool:
        pid = stage.house.processes[name].pid
        with suppress(ProcessLookupError, OSError):
            _, hard = resource.prlimit(pid, what)
            resource.prlimit(pid, what, (limit(pid), hard))
            return True
        return False

    return act


def _unlimited(name: str, what: int) -> Act:
    async def act(stage: Stage) -> bool:
        with suppress(ProcessLookupError, OSError):
            pid = stage.house.processes[name].pid
            _, hard = resource.prlimit(pid, what)
            resource.prlimit(pid, what, (hard, hard))
        return True

    return act


def _open_files(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def _at_step(step: str) -> Fault:
    async def begin(stage: Stage) -> bool:
        order_kill(stage.house.orders, step, stage.random.choice((1, 1, 2)) if step in PASSED_OFTEN else 1)
        if step == "rewind_chain.undone":
            await _reorganised(1, 3).begin(stage)
        return True

    return Fault(f"killed at {step}", 5 if step in SIGNER else 1, begin, lasts_s=STEP_S, counted_by="step")


def _of_processes() -> list[Fault]:
    killed = [Fault(f"{name} killed", 2 if name == "api" else 5, _signalled(name, signal.SIGKILL)) for name in PROCESSES]
    steps = [_at_step(step) for step in (*WORKER, *SIGNER, *(step for step in FOLLOWER if not step.startswith("backfill")))]
    slept = [Fault(f"{name} stopped", 7, _signalled(name, signal.SIGSTOP), _signalled(name, signal.SIGCONT)) for name in PROCESSES]
    past = [
        Fault(f"{name} stopped past its leases", 7, _signalled(name, signal.SIGSTOP), _signalled(name, signal.SIGCONT), LONG_S)
        for name in ("follower", "worker-1", "worker-2", "relay")
    ]
    files, sizes = resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE
    starved = [
        *(Fault(f"{name} may open no file", 15, _limited(name, files, _open_files), _unlimited(name, files)) for name in PROCESSES),
        *(Fault(f"{name} may write no file", 14, _limited(name, sizes, lambda _: 0), _unlimited(name, sizes)) for name in PROCESSES),
    ]
    return [*killed, *steps, *slept, *past, *starved]


# ---- servers ---------------------------------------------------------------------------------------------------------------------


def _server_killed(name: str) -> Act:
    async def act(stage: Stage) -> bool:
        stage.house.child(name).kill()
        return True

    return act


def _revived(name: str) -> Act:
    async def act(stage: Stage) -> bool:
        await stage.house.revive(name)
        return True

    return act


def _server_signalled(name: str, what: int) -> Act:
    async def act(stage: Stage) -> bool:
        pid = stage.house.child(name).pid
        if pid is not None:
            with suppress(ProcessLookupError):
                os.killpg(pid, what)
        return pid is not None

    return act


async def _disk_full(stage: Stage) -> bool:
    """Nothing more can be written: where the database gives up, it is started again as after any other death."""
    pid = stage.house.child("mongodb").pid
    if pid is None:
        return False
    with suppress(ProcessLookupError, OSError):
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, hard))
        return True
    return False


async def _disk_free(stage: Stage) -> bool:
    stage.house.child("mongodb").kill()  # what a full disk has left half written is for the start after it
    await stage.house.revive("mongodb")
    return True


async def _flushed(stage: Stage) -> bool:
    async with stage.house.valkey() as valkey:
        await valkey.flushall()
    return True


async def _wrong_types(stage: Stage) -> bool:
    async with stage.house.valkey() as valkey:
        for key in {*QUEUE_KEYS, *(key.decode() for key in await valkey.keys())}:
            await valkey.delete(key)
            await valkey.set(key, "nothing that anybody wrote")
    return True


def _failing(name: str, commands: Sequence[str], times: int, **how: Any) -> Fault:
    async def begin(stage: Stage) -> bool:
        data = {"failCommands": list(commands), **how}
        await stage.house.client.admin.command("configureFailPoint", "failCommand", mode={"times": times}, data=data)
        return True

    async def end(stage: Stage) -> bool:
        await stage.house.client.admin.command("configureFailPoint", "failCommand", mode="off")
        return True

    return Fault(name, 13, begin, end)


WRITES = ("insert", "update", "findAndModify", "delete", "bulkWrite", "commitTransaction")


def _of_servers() -> list[Fault]:
    return [
        Fault("mongodb killed", 3, _server_killed("mongodb"), _revived("mongodb")),
        Fault("mongodb killed and back at once", 3, _server_killed("mongodb"), _revived("mongodb"), (0.0, 0.05)),
        Fault("mongodb stopped", 3, _server_signalled("mongodb", signal.SIGSTOP), _server_signalled("mongodb", signal.SIGCONT)),
        Fault("mongodb has a full disk", 14, _disk_full, _disk_free),
        Fault("valkey killed, back empty", 4, _server_killed("valkey"), _revived("valkey")),
        Fault("valkey stopped", 4, _server_signalled("valkey", signal.SIGSTOP), _server_signalled("valkey", signal.SIGCONT)),
        Fault("valkey flushed", 4, _flushed),
        Fault("valkey holds keys of wrong types", 4, _wrong_types, _flushed),
        _failing("transient errors in transactions", WRITES[:-1], 6, errorCode=251, errorLabels=[TRANSIENT]),
        _failing("a commit fails, transiently", ("commitTransaction",), 3, errorCode=251, errorLabels=[TRANSIENT]),
        _failing("nobody knows whether a commit went through", ("commitTransaction",), 3, errorCode=91, errorLabels=[UNKNOWN_RESULT]),
        _failing("mongodb closes connections", (*WRITES, "find"), 5, closeConnection=True),
    ]


# ---- the chain -------------------------------------------------------------------------------------------------------------------


async def _older_state(stage: Stage) -> bool:
    """What was mined since is lost, up to eight blocks; another chain grows in its place."""
    house = stage.house
    state = await house.write_state()
    for _ in range(stage.random.randint(1, 8)):
        await stage.cast.street.block()
    await house.node_restarts_from(state)
    return True


async def _mempool_dropped(stage: Stage) -> bool:
    await stage.house.actor.rpc("anvil_dropAllTransactions")
    stage.house.actor.forget_nonces()
    return True


async def _one_vanishes(stage: Stage) -> bool:
    """One of the organisations' own, where there is one."""
    ours = {address.lower() for address in stage.cast.paying.values()}
    content = await stage.house.actor.rpc("txpool_content")
    waiting = [row["hash"] for sender, rows in content["pending"].items() if sender.lower() in ours for row in rows.values()]
    if not waiting:
        return False
    await stage.house.actor.rpc("anvil_dropTransaction", stage.random.choice(waiting))
    return True


def _reorganised(least: int, most: int) -> Fault:
    async def begin(stage: Stage) -> bool:
        house, random = stage.house, stage.random
        depth = min(random.randint(least, most), await house.height() - house.floor)
        if depth < least:
            return False
        if random.random() < 0.6:
            await house.actor.reorg(depth, random)
        else:
            await house.actor.alone("anvil_reorg", depth, [])
            house.actor.forget_nonces()
            await house.actor.mine()
        return True

    told = f"{least}" if least == most else f"{least} to {most}"
    return Fault(f"reorganisation of depth {told}", 10, begin)


def _of_the_chain() -> list[Fault]:
    chain = [
        Fault("node killed", 6, _node_killed, _node_back),
        Fault("node restarted from an older state", 6, _older_state),
        Fault("mempool dropped", 6, _mempool_dropped),
        Fault("a transaction of ours vanishes", 6, _one_vanishes),
        Fault("node stopped", 6, _server_signalled("chain", signal.SIGSTOP), _server_signalled("chain", signal.SIGCONT)),
    ]
    return [*chain, *(_reorganised(least, most) for least, most in ((1, 1), (2, 3), (4, 8), (9, 20), (21, 40), (41, DEPTH_MAX)))]


async def _node_killed(stage: Stage) -> bool:
    """It writes nothing down by itself: this state is what it has when it comes back."""
    await stage.house.write_state()
    stage.house.child("chain").kill()
    return True


async def _node_back(stage: Stage) -> bool:
    if stage.house.child("chain").pid is None:
        await stage.house.node_restarts_from(stage.house.folder / "older-state.json")
    return True


# ---- providers -------------------------------------------------------------------------------------------------------------------

NONCES, SENDING = "eth_getTransactionCount", frozenset({"eth_sendRawTransaction"})
OF_THIS_SCENE: list[rpc.Fault] = [lie("eth_getLogs", lambda _, result: result[:-1], "the last log left out")]
OF_PAYMENTS: list[rpc.Fault] = [
    lie(NONCES, lambda *_: "0x0", "no nonces used"),
    lie("eth_estimateGas", lambda *_: hex(10**9), "absurd estimates"),
    lie("eth_maxPriorityFeePerGas", lambda *_: hex(10**15), "absurd tips"),
    lie("eth_getTransactionByHash", lambda *_: None, "no transactions for payments"),
    lie("eth_feeHistory", lambda _, result: {**result, "baseFeePerGas": [hex(10**16) for _ in result["baseFeePerGas"]]}, "absurd base fees"),
]
REJECTED = rpc.Refuse(-32000, "transaction underpriced")
SLOW: tuple[type[rpc.Fault], ...] = (rpc.Huge,)


def _provider(fault: rpc.Fault, name: str, *, methods: frozenset[str] = frozenset()) -> Fault:
    async def begin(stage: Stage) -> bool:
        times = 2 if isinstance(fault, SLOW) else None
        for proxy in stage.house.nodes.values():
            proxy.add(fault, methods=methods, share=stage.random.choice((0.4, 1.0)), times=times)
        return True

    return Fault(f"provider: {name}", 11, begin, _provider_heals, counted_by=f"node: {fault.name}")


async def _provider_heals(stage: Stage) -> bool:
    for proxy in stage.house.nodes.values():
        proxy.heal()
    return True


def _of_providers() -> list[Fault]:
    proved = [fault for fault in PROVED_ONLY if fault.name != "our log left out"]  # that one is of a scene of its own
    lies = [_provider(fault, label(fault)) for fault in [*SEEN_AT_ONCE, *proved, *LINE, *OF_THIS_SCENE, *OF_PAYMENTS]]
    return [*lies, _provider(REJECTED, "mined after it was called rejected", methods=SENDING)]


# ---- links -----------------------------------------------------------------------------------------------------------------------


def _line_fault(kind: type[LineFault], random: Random) -> LineFault:
    share = random.choice((0.3, 1.0, 1.0))
    if kind is Delay:
        return Delay(share, random.choice((0.05, 0.3, 1.0, 5.0)))
    return kind(share)


def _cut(kind: type[LineFault], target: str) -> Fault:
    async def begin(stage: Stage) -> bool:
        links = [link for link in stage.house.links.values() if link.name.endswith(target)]
        for link in stage.random.sample(links, stage.random.randint(1, len(links))):
            link.befall(_line_fault(kind, stage.random))
        return True

    async def end(stage: Stage) -> bool:
        for link in stage.house.links.values():
            if link.name.endswith(target):
                link.heal()
        return True

    return Fault(f"links {target}: {WORDS[kind]}", 8, begin, end, counted_by=f"{target}: {kind.__name__}")


WORDS: dict[type[LineFault], str] = {
    Delay: "late replies",
    Stall: "nothing comes through",
    HalfOpen: "half open",
    Reset: "reset",
    LoseReply: "the reply is lost after its effect",
    Trickle: "replies in drops",
    Truncate: "half a reply",
    Corrupt: "broken replies",
}
assert WORDS.keys() == set(LINE_FAULTS)


# ---- twice, and in another order -------------------------------------------------------------------------------------------------


async def _jobs_twice(stage: Stage) -> bool:
    """Every payment that is on its way is moved on by two to five jobs at once, the last one asked for first."""
    query: dict[str, Any] = {"due_at": {"$type": "date"}}
    rows = await stage.house.database["payments"].find(query, {"org_id": 1}).sort("_id", -1).limit(20).to_list()
    async with JobQueue(stage.house.addresses.redis_url) as queue:
        for row in rows:
            for _ in range(stage.random.randint(2, 5)):
                await queue.put(PaymentDue(org_id=row["org_id"], payment_id=row["_id"]))
    return bool(rows)


async def _requests_twice(stage: Stage) -> bool:
    for person in stage.cast.people:
        await person.ask(stage.random, at_once=stage.random.randint(2, 5))
    return True


def _of_disorder() -> list[Fault]:
    return [
        Fault("each job two to five times at once", 12, _jobs_twice),
        Fault("a request two to five times at once", 12, _requests_twice),
    ]


def all_faults() -> list[Fault]:
    links = [_cut(kind, target) for target in ("to mongodb", "to valkey", "to api") for kind in LINE_FAULTS]
    return [*_of_processes(), *_of_servers(), *_of_the_chain(), *_of_providers(), *links, *_of_disorder(), *machine_faults()]

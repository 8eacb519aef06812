"""Internal transfers from traces: both dialects tell the same, on a real node; what nobody can tell is not nothing."""

import sys
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import orjson
import pytest
from aiohttp import web

from crypto_api.adapters import traces
from crypto_api.adapters.json_rpc import JsonRpcChain
from crypto_api.adapters.traces import CallTraces
from crypto_api.kit.ethereum import BlockHeader, CallRefused, ChainUnavailable, InternalTransfer
from crypto_project.demo.chain import ChainActor
from crypto_project.demo.keys import dev_account
from tests.conftest import LocalChain

A, B, C = ("0x" + letter * 40 for letter in "abc")
HASH = "0x" + "11" * 32
alice, bob = dev_account(1), dev_account(2)


def frame(kind: str = "CALL", value: int = 0, calls: Sequence[object] = (), sender: str = A, to: str = B, **more: object) -> dict[str, object]:
    return {"type": kind, "from": sender, "to": to, "value": hex(value), "calls": list(calls), **more}


def flat(path: list[int], value: int, kind: str = "call", **more: Any) -> dict[str, object]:
    action = {"from": A, "to": B, "value": hex(value), "callType": "call"} | more.pop("action", {})
    return {"type": kind, "traceAddress": path, "action": action} | more


@pytest.fixture
def ordinary_depth() -> Iterator[None]:
    """Python's own limit: test tools raise it."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(1_000)
    yield
    sys.setrecursionlimit(before)


class Node:
    """Answers by method; CallRefused where it does not know it."""

    def __init__(self, **answers: object) -> None:
        self.answers, self.asked = answers, list[str]()

    async def __call__(self, calls: Sequence[tuple[str, list[Any]]]) -> list[msgspec.Raw]:
        self.asked += [method for method, _ in calls]
        return [msgspec.Raw(orjson.dumps(self._answer(method))) for method, _ in calls]

    def _answer(self, method: str) -> object:
        if method not in self.answers:
            raise CallRefused("no", rpc_code=-32601, rpc_message=f"the method {method} does not exist/is not available")
        if isinstance(answer := self.answers[method], Exception):
            raise answer
        return answer


async def read(node: Node) -> tuple[InternalTransfer, ...] | None:
    return (await CallTraces(node).internal_transfers([HASH]))[HASH]


async def test_calls_and_creations_move_the_coin_and_nothing_else_does() -> None:
    inner = [
        frame(value=5, to=C),
        frame("DELEGATECALL", 7),
        frame("STATICCALL"),
        frame("CALLCODE", 8),
        frame("CREATE2", 3, to=C.upper().replace("X", "x")),
        frame("SELFDESTRUCT", 2, sender=C, to=A),
        frame(value=0),
    ]
    found = await read(Node(debug_traceTransaction=frame(value=100, calls=[frame("DELEGATECALL", 100, inner), frame(value=1)])))
    assert found == (
        InternalTransfer("0.0", A, C, 5),
        InternalTransfer("0.4", A, C, 3),
        InternalTransfer("0.5", C, A, 2),
        InternalTransfer("1", A, B, 1),
    ), "the transaction's own value is not among them"


async def test_what_happened_beneath_a_call_that_failed_did_not_happen() -> None:
    failed = frame(value=9, calls=[frame(value=5, calls=[frame(value=4)])], error="execution reverted")
    assert await read(Node(debug_traceTransaction=frame(calls=[failed, frame(value=1)]))) == (InternalTransfer("1", A, B, 1),)
    parity = [flat([], 9), flat([0], 5, error="Reverted"), flat([0, 0], 4), flat([1], 1), flat([2], 7, action={"callType": "delegatecall"})]
    assert await read(Node(trace_transaction=parity)) == (InternalTransfer("1", A, B, 1),)


async def test_the_other_dialect_is_tried_and_remembered() -> None:
    rows = [
        flat([], 0),
        flat([0], 3, "create", action={"init": "0x"}, result={"address": C}),
        flat([1], 0, "suicide", action={"address": C, "refundAddress": B, "balance": "0x2"}),
    ]
    node = Node(trace_transaction=rows)
    reader = CallTraces(node)
    for _ in range(2):
        assert (await reader.internal_transfers([HASH]))[HASH] == (InternalTransfer("0", A, C, 3), InternalTransfer("1", C, B, 2))
    assert node.asked.count("debug_traceTransaction") == 2, "once together, once alone; then never again"


async def test_a_node_that_cannot_trace_says_so_and_is_left_alone_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    node, now = Node(), [1000.0]
    monkeypatch.setattr(traces.time, "monotonic", lambda: now[0])
    reader = CallTraces(node)
    assert await reader.internal_transfers([HASH]) == {HASH: None}
    asked = len(node.asked)
    assert await reader.internal_transfers([HASH, HASH]) == {HASH: None}
    assert len(node.asked) == asked
    now[0] += traces.RETRY_S + 1
    node.answers["debug_traceTransaction"] = frame(calls=[frame(value=1)])
    assert await reader.internal_transfers([HASH]) == {HASH: (InternalTransfer("0", A, B, 1),)}


@pytest.mark.parametrize(
    "answer",
    [
        CallRefused("gone", rpc_code=-32000, rpc_message="required historical state unavailable"),
        {"failed": False, "gas": 0, "structLogs": []},
        {"type": "CALL", "from": A, "calls": [{"type": "CALL", "from": A, "value": "lots"}]},
        None,
        "text",
    ],
)
async def test_a_trace_that_is_refused_or_none_is_not_no_transfer(answer: object) -> None:
    assert await read(Node(debug_traceTransaction=answer)) is None


async def test_a_tree_of_calls_deeper_than_a_decoder_goes_does_not_stop_the_reader(ordinary_depth: None) -> None:
    before, after = orjson.dumps(frame(calls=["@"])).decode().split('"@"')
    raw = msgspec.Raw((before * 1_024 + orjson.dumps(frame(value=1)).decode() + after * 1_024).encode())

    async def ask(calls: Sequence[object]) -> list[msgspec.Raw]:
        return [raw] * len(calls)

    assert await CallTraces(ask).internal_transfers([HASH]) == {HASH: None}


async def test_no_answer_at_all_is_tried_again_and_does_not_stop_the_reader_for_ever() -> None:
    """A transaction may be too much for a provider to trace in time."""
    reader = CallTraces(Node(debug_traceTransaction=ChainUnavailable("down"), debug_traceBlockByHash=ChainUnavailable("down")))
    block = BlockHeader(5, HASH, "0x" + "00" * 32, 0)
    for _ in range(traces.TRIES_MAX - 1):
        with pytest.raises(ChainUnavailable):
            await reader.internal_transfers([HASH])
    assert await reader.internal_transfers([HASH]) == {HASH: None}
    for _ in range(traces.TRIES_MAX - 1):
        with pytest.raises(ChainUnavailable):
            await reader.internal_transfers_in(block)
    assert await reader.internal_transfers_in(block) is None


async def test_a_provider_that_does_not_trace_is_asked_once_and_another_that_does_every_time(chain: LocalChain) -> None:
    asked: list[str] = []

    async def plain(request: web.Request) -> web.Response:
        answers = []
        for call in (calls := await request.json()):
            asked.append(call["method"])
            offered = call["method"] == "eth_chainId"
            answer = {"result": hex(chain.chain_id)} if offered else {"error": {"code": -32601, "message": "Method not found"}}
            answers.append({"jsonrpc": "2.0", "id": call["id"]} | answer)
        assert len(answers) == len(calls)
        return web.json_response(answers)

    app = web.Application()
    app.router.add_post("/", plain)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    actor = ChainActor(chain.rpc_url, chain.chain_id)
    sent = await actor.send(alice, bob.address, value=1)
    await actor.mine()
    await actor.close()
    async with JsonRpcChain([url, chain.rpc_url], chain.chain_id) as reader:
        for _ in range(3):
            assert await reader.internal_transfers([sent.hash]) == {sent.hash: ()}
    await runner.cleanup()
    assert asked.count("debug_traceTransaction") == 1


async def test_both_dialects_of_a_real_node_agree(chain: LocalChain) -> None:
    actor = ChainActor(chain.rpc_url, chain.chain_id)
    runtime = "6000600060006000346000355af100"  # sends what came with the call to the address in its data
    created = await actor.send(alice, None, data=bytes.fromhex(f"60{len(runtime) // 2:02x}600c60003960{len(runtime) // 2:02x}6000f3{runtime}"))
    await actor.mine()
    contract = (await actor.wait(created))["contractAddress"]
    sent = await actor.send(alice, contract, value=7, data=bytes(12) + bytes.fromhex(bob.address[2:]))
    await actor.mine()
    await actor.close()
    expected = (InternalTransfer("0", contract.lower(), bob.address.lower(), 7),)
    async with JsonRpcChain([chain.rpc_url], chain.chain_id) as reader:
        assert await reader.internal_transfers([sent.hash]) == {sent.hash: expected}
        block = await reader.header(2)
        assert block is not None and await reader.internal_transfers_in(block) == {sent.hash: expected}
        reader._traces._transactions.dialect = reader._traces._blocks.dialect = 1
        assert await reader.internal_transfers([sent.hash]) == await reader.internal_transfers_in(block) == {sent.hash: expected}

"""A node that answers from memory, so that a reader's own cost shows: a development node itself takes 14 ms for a full block.

    python -m benchmarks.replay_node PORT BLOCKS TRANSFERS WATCHED ONE_IN

The chain is generated: BLOCKS blocks of TRANSFERS transactions, 60 in 100 native and 40 an ERC-20's, from the same seed each time.
One transaction in ONE_IN pays one of WATCHED addresses (`address(i)`), so that there is something to store; 0: none does.
"""

import asyncio
import sys
from hashlib import sha256
from itertools import count
from random import Random
from typing import Any

import httptools
import orjson
import uvloop

CHAIN_ID = 31337
TOKEN = "0x" + "70" * 20
TRANSFER = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
START = 1_750_000_000  # a timestamp


def address(index: int) -> str:
    """The watched address of that index."""
    return "0x" + sha256(b"watched%d" % index).hexdigest()[:40]


def _hash(*parts: object) -> str:
    return "0x" + sha256(repr(parts).encode()).hexdigest()


def _word(number: int) -> str:
    return f"0x{number:064x}"


class Chain:
    def __init__(self, blocks: int, transfers: int, watched: int, one_in: int) -> None:
        self.head = blocks
        self.watched, self.one_in = watched, one_in
        self.random = Random(7)
        self.full: list[bytes] = []
        self.headers: list[bytes] = []
        self.numbers: dict[str, int] = {}
        self.logs: list[bytes] = []
        self.filters: dict[str, dict[str, Any]] = {}
        self.names = count(1)
        self.receipts: dict[str, bytes] = {}
        self.paid = 0  # transactions to a watched address
        parent = _hash("genesis parent")
        for number in range(blocks + 1):
            parent = self._add(number, parent, transfers if number else 0)

    def _add(self, number: int, parent: str, transfers: int) -> str:
        hash_ = _hash(number, parent)
        transactions, logs = [], []
        for index in range(transfers):
            transaction, log = self._transfer(number, hash_, index, transfers)
            transactions.append(transaction)
            if log:
                logs.append(log)
        bloom = "0x" + ("ff" if logs else "00") * 256
        block = {
            "number": hex(number),
            "hash": hash_,
            "parentHash": parent,
            "timestamp": hex(START + 12 * number),
            "logsBloom": bloom,
            "gasUsed": hex(21_000 * transfers),
            "gasLimit": hex(30_000_000),
            "baseFeePerGas": "0x7",
            "miner": "0x" + "00" * 20,
            "difficulty": "0x0",
            "totalDifficulty": "0x0",
            "size": "0x10000",
            "nonce": "0x0000000000000000",
            "extraData": "0x",
            "mixHash": _hash("mix", number),
            "sha3Uncles": _hash("no uncles"),
            "uncles": [],
            "stateRoot": _hash("state", number),
            "transactionsRoot": _hash("transactions", number),
            "receiptsRoot": _hash("receipts", number),
            "transactions": transactions,
        }
        self.full.append(orjson.dumps(block))
        self.headers.append(orjson.dumps(block | {"transactions": [row["hash"] for row in transactions]}))
        self.logs.append(orjson.dumps(logs))
        self.numbers[hash_] = number
        return hash_

    def _transfer(self, number: int, block_hash: str, index: int, transfers: int) -> tuple[dict[str, Any], dict[str, Any] | None]:
        random, hash_ = self.random, _hash("tx", number, index)
        sender, somebody = f"0x{random.getrandbits(160):040x}", f"0x{random.getrandbits(160):040x}"
        turn, place = divmod(number * transfers + index, self.one_in) if self.one_in else (0, -1)
        to_us = place == turn % 5  # so that each kind has its turn
        recipient = address(random.randrange(self.watched)) if to_us else somebody
        self.paid += to_us
        token = index % 5 >= 3
        place = {"blockHash": block_hash, "blockNumber": hex(number), "transactionIndex": hex(index)}
        transaction = {
            "hash": hash_,
            "from": sender,
            "to": TOKEN if token else recipient,
            "value": "0x0" if token else hex(random.randrange(1, 10**18)),
            "nonce": hex(index),
            "gas": "0x5208",
            "gasPrice": "0x3b9aca07",
            "maxFeePerGas": "0x3b9aca07",
            "maxPriorityFeePerGas": "0x3b9aca00",
            "input": "0xa9059cbb" + recipient[2:].rjust(64, "0") + _word(10**6)[2:] if token else "0x",
            "type": "0x2",
            "chainId": hex(CHAIN_ID),
            "r": _hash("r", hash_),
            "s": _hash("s", hash_),
            "v": "0x1",
            **place,
        }
        if to_us and not token:
            receipt = {"transactionHash": hash_, "status": "0x1", "gasUsed": "0x5208", "effectiveGasPrice": "0x3b9aca07", "logs": [], **place}
            self.receipts[hash_] = orjson.dumps(receipt)
        if not token:
            return transaction, None
        topics = [TRANSFER, "0x" + sender[2:].rjust(64, "0"), "0x" + recipient[2:].rjust(64, "0")]
        log = {
            "address": TOKEN,
            "topics": topics,
            "data": _word(random.randrange(1, 10**9)),
            "transactionHash": hash_,
            "logIndex": hex(index),
            "removed": False,
        }
        return transaction, {**log, **place}

    def answer(self, call: dict[str, Any]) -> bytes:
        result = self._result(call["method"], call.get("params") or [])
        return b'{"jsonrpc":"2.0","id":%s,"result":%s}' % (orjson.dumps(call["id"]), result)

    def _result(self, method: str, params: list[Any]) -> bytes:
        match method:
            case "eth_chainId":
                return orjson.dumps(hex(CHAIN_ID))
            case "eth_blockNumber":
                return orjson.dumps(hex(self.head))
            case "eth_getBlockByNumber" | "eth_getBlockByHash":
                number = self.numbers.get(params[0], self.head + 1) if method.endswith("Hash") else self._number(params[0])
                return (self.full if params[1] else self.headers)[number] if number <= self.head else b"null"
            case "eth_getLogs":
                return self._logs(params[0])
            case "eth_newFilter":
                name = hex(next(self.names))
                self.filters[name] = params[0]
                return orjson.dumps(name)
            case "eth_getFilterLogs":
                return self._logs(self.filters[params[0]])
            case "eth_uninstallFilter":
                return orjson.dumps(self.filters.pop(params[0], None) is not None)
            case "eth_getTransactionReceipt":
                return self.receipts[params[0]]
            case "eth_getBalance":
                return b'"0x0"'
            case "eth_call":
                return b'"0x"'
            case "net_version":
                return orjson.dumps(str(CHAIN_ID))
            case "web3_clientVersion":
                return b'"replay"'
            case "eth_syncing":
                return b"false"
        raise ValueError(f"the replay node does not know {method}")

    def _number(self, tag: str) -> int:
        return int(tag, 16) if tag.startswith("0x") else 0 if tag == "earliest" else self.head

    def _logs(self, asked: dict[str, Any]) -> bytes:
        """All are of one contract and one event: whoever asks for these gets all of the blocks."""
        if "blockHash" in asked:
            return self.logs[self.numbers[asked["blockHash"]]]
        first, last = self._number(asked.get("fromBlock", "latest")), min(self._number(asked.get("toBlock", "latest")), self.head)
        return b"[" + b",".join(inner for rows in self.logs[first : last + 1] if (inner := rows[1:-1])) + b"]"


class Http(asyncio.Protocol):
    chain: Chain

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.parser = httptools.HttpRequestParser(self)
        self.body: list[bytes] = []

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_message_begin(self) -> None:
        self.body = []

    def on_body(self, body: bytes) -> None:
        self.body.append(body)

    def on_message_complete(self) -> None:
        calls = orjson.loads(b"".join(self.body))
        content = b"[" + b",".join(map(self.chain.answer, calls)) + b"]" if isinstance(calls, list) else self.chain.answer(calls)
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(content)
        self.transport.writelines([head, content])  # type: ignore[attr-defined]


async def main(port: int, *chain: int) -> None:
    Http.chain = Chain(*chain)
    server = await asyncio.get_running_loop().create_server(Http, "127.0.0.1", port)
    sys.stdout.write(f"ready {Http.chain.paid}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(*map(int, sys.argv[1:])))

"""Gas of paying many at once, for each payee: the whole transaction divided by their number. On a node of its own.

    python -m benchmarks.batch_gas [--payees 1,10,100,200]

Ours (`contracts/`), for any wallet and as a delegate of EIP-7702, each also with an access list (EIP-2930), against separate transfers and a contract
in the style of Disperse. Deployments, the approval and the delegation are not counted. Amounts of the coin have 18 digits, of the token 6 decimals.
Gas is exact: nothing here depends on the machine. Ends with 1 where a figure is above what the best known way took.
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
from eth_abi.abi import encode
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak
from rich.console import Console
from rich.table import Table

from crypto_api.kit.ethereum import checksummed
from crypto_api.payments.batch import BATCH_CONTRACT, BATCH_DELEGATE, Share, batch_call, delegated_call, deployment, total
from crypto_api.payments.batch_code import PACKED_BATCH_CREATION, PACKED_BATCH_DELEGATE_CREATION
from crypto_api.payments.rules import transfer_call
from crypto_api.payments.types import Call
from crypto_project.demo.compile import run_compiler
from crypto_project.embedded.chain_node import ChainNodeOptions, chain_node
from crypto_project.npm import ROOT

GAS = 16_777_216  # EIP-7825
CHAIN_ID = 31337
RICH = 10**24
BEST = {  # gas a payee by the best way known before, n = 1, 10, 100, 200: dependable only for these
    "coin": {1: 21_000, 10: 12_038.2, 100: 9_974.5, 200: 9_865.4},
    "token": {1: 34_370, 10: 11_468.3, 100: 8_818.7, 200: 8_671.0},
}
FLOOR = {"coin": 9_764, "token": 7_486}  # a payee's, of an existing account: cold access, value, calldata; slots and the event


class Bench:
    def __init__(self, http: httpx.AsyncClient, account: str) -> None:
        self.http, self.account = http, account
        self.wallet: LocalAccount = Account.from_key("0x" + "42" * 32)
        self.token = self.disperse = ""
        self.dice = random.Random(11)

    async def rpc(self, method: str, *params: Any) -> Any:
        answer = (await self.http.post("", json={"jsonrpc": "2.0", "id": 1, "method": method, "params": params})).json()
        assert "error" not in answer, (method, answer)
        return answer["result"]

    async def send(self, call: Call | None = None, data: str = "", **fields: Any) -> dict[str, Any]:
        """From the node's own account."""
        asked = {"from": self.account, "gas": hex(GAS), **fields}
        asked |= {"to": call.to, "value": hex(int(call.value_raw)), "data": call.data} if call is not None else {"data": data}
        return await self._mined(await self.rpc("eth_sendTransaction", asked))

    async def sign_and_send(self, call: Call, **fields: Any) -> dict[str, Any]:
        """From an account that has delegated, or does so now."""
        nonce = int(await self.rpc("eth_getTransactionCount", self.wallet.address, "latest"), 16)
        asked = {"chainId": CHAIN_ID, "nonce": nonce, "gas": GAS, "maxFeePerGas": 10**10, "maxPriorityFeePerGas": 10**9}
        asked |= {"to": call.to, "value": int(call.value_raw), "data": call.data, **fields}
        raw = self.wallet.sign_transaction(asked).raw_transaction
        return await self._mined(await self.rpc("eth_sendRawTransaction", "0x" + bytes(raw).hex()))

    async def _mined(self, hash_: str) -> dict[str, Any]:
        async with asyncio.timeout(30):
            while (receipt := await self.rpc("eth_getTransactionReceipt", hash_)) is None:
                await asyncio.sleep(0.01)
        assert receipt["status"] == "0x1", receipt
        found: dict[str, Any] = receipt
        return found

    def shares(self, kind: str, count: int) -> list[Share]:
        least, most = (10**17, 10**18 - 1) if kind == "coin" else (10**8, 10**10)
        return [Share(checksummed("0x" + self.dice.randbytes(20).hex()), self.dice.randint(least, most)) for _ in range(count)]

    async def exist(self, shares: Sequence[Share], kind: str) -> None:
        """Each payee has a little of it before."""
        rows = [Share(share.payee, 1) for share in shares]
        for at in range(0, len(rows), 200):
            await self.send(batch_call(rows[at : at + 200], None if kind == "coin" else self.token))


async def prepared(bench: Bench) -> None:
    for creation in (PACKED_BATCH_CREATION, PACKED_BATCH_DELEGATE_CREATION):
        await bench.send(deployment(creation))
    source = Path(__file__).parent / "contracts" / "Disperse.sol"
    settings = {"optimizer": {"enabled": True, "runs": 1_000_000}, "evmVersion": "osaka"}
    settings["outputSelection"] = {"*": {"*": ["evm.bytecode.object"]}}
    given = {"language": "Solidity", "sources": {"Disperse.sol": {"content": source.read_text()}}, "settings": settings}
    made = (await run_compiler(json.dumps(given), ROOT))["contracts"]["Disperse.sol"]
    bench.disperse = checksummed((await bench.send(data="0x" + made["Disperse"]["evm"]["bytecode"]["object"]))["contractAddress"])
    bench.token = checksummed((await bench.send(data="0x" + made["Token"]["evm"]["bytecode"]["object"]))["contractAddress"])
    for owner in (bench.account, bench.wallet.address):
        await bench.rpc("anvil_setBalance", owner, hex(RICH))
        await bench.send(_call(bench.token, "mint(address,uint256)", owner, RICH))
    for spender in (bench.disperse, BATCH_CONTRACT):
        await bench.send(_call(bench.token, "approve(address,uint256)", spender, 2**256 - 1))
    nonce = int(await bench.rpc("eth_getTransactionCount", bench.wallet.address, "latest"), 16)
    authorization = bench.wallet.sign_authorization({"chainId": CHAIN_ID, "address": BATCH_DELEGATE, "nonce": nonce + 1})
    await bench.sign_and_send(Call(to=bench.account, value_raw="0", data="0x"), authorizationList=[authorization])


def _call(to: str, signature: str, *values: Any, value: int = 0) -> Call:
    types = signature[signature.index("(") + 1 : -1].split(",")
    data = keccak(text=signature)[:4] + encode(types, values)
    return Call(to=to, value_raw=str(value), data="0x" + data.hex())


def _disperse(bench: Bench, shares: Sequence[Share], kind: str, name: str) -> Call:
    payees, amounts = [share.payee for share in shares], [share.raw_amount for share in shares]
    if kind == "coin":
        return _call(bench.disperse, "coin(address[],uint256[])", payees, amounts, value=total(shares))
    return _call(bench.disperse, f"{name}(address,address[],uint256[])", bench.token, payees, amounts)


async def _listed(bench: Bench, call: Call, sender: str) -> list[dict[str, Any]]:
    """The access list that the node makes of it."""
    asked = {"from": sender, "to": call.to, "value": hex(int(call.value_raw)), "data": call.data, "gas": hex(GAS)}
    rows = (await bench.rpc("eth_createAccessList", asked, "latest"))["accessList"]
    return [row for row in rows if checksummed(row["address"]) != call.to or row["storageKeys"]]


async def _coin_list(shares: Sequence[Share]) -> list[dict[str, Any]]:
    return [{"address": share.payee, "storageKeys": []} for share in shares]


async def gas_of(bench: Bench, way: str, kind: str, shares: list[Share]) -> int:
    """Of one transaction, or of all where each is paid by its own."""
    token = None if kind == "coin" else bench.token
    if way == "separate":
        receipts = [await bench.send(transfer_call(share.payee, share.raw_amount, token)) for share in shares]
        return sum(int(receipt["gasUsed"], 16) for receipt in receipts)
    if way.startswith("7702"):
        call = delegated_call(bench.wallet.address, shares, token)
        sender = bench.wallet.address
    else:
        call = _disperse(bench, shares, kind, "tokenSimple" if "each" in way else "token") if "Disperse" in way else batch_call(shares, token)
        sender = bench.account
    fields: dict[str, Any] = {}
    if "access list" in way:
        rows = await _coin_list(shares) if token is None else await _listed(bench, call, sender)
        fields["accessList"] = rows
    receipt = await (bench.sign_and_send(call, **fields) if way.startswith("7702") else bench.send(call, **fields))
    return int(receipt["gasUsed"], 16)


WAYS = {
    "coin": ("separate", "Disperse-style", "packed", "packed, access list", "7702", "7702, access list"),
    "token": (
        *("separate", "Disperse-style, pulled once", "Disperse-style, each"),
        *("packed", "packed, access list", "7702", "7702, access list"),
    ),
}


async def measured(bench: Bench, counts: Sequence[int]) -> dict[tuple[str, bool, str], list[float]]:
    found: dict[tuple[str, bool, str], list[float]] = {}
    for kind, ways in WAYS.items():
        for existing in (True, False):
            for way in ways:
                row = []
                for count in counts:
                    shares = bench.shares(kind, count)
                    if existing:
                        await bench.exist(shares, kind)
                    row.append(await gas_of(bench, way, kind, shares) / count)
                found[kind, existing, way] = row
    return found


def shown(found: dict[tuple[str, bool, str], list[float]], counts: Sequence[int]) -> list[str]:
    """Prints the tables; what is above the best known, in sentences."""
    console, above = Console(width=120), []
    for kind in WAYS:
        for existing in (True, False):
            table = Table(title=f"{kind}, {'existing' if existing else 'new'} accounts, gas a payee (floor {FLOOR[kind] if existing else '-'})")
            for head in ("", *map(str, counts)):
                table.add_column(head, justify="right")
            for way in WAYS[kind]:
                table.add_row(way, *(f"{value:,.1f}" for value in found[kind, existing, way]))
            console.print(table)
        for place, count in enumerate(counts):
            best = min(found[kind, True, way][place] for way in WAYS[kind])
            if count in BEST[kind] and best > BEST[kind][count]:
                above.append(f"{kind}, {count} payees: {best:,.1f} gas a payee, the best known way took {BEST[kind][count]:,.1f}")
    return above


async def run(counts: Sequence[int]) -> int:
    with tempfile.TemporaryDirectory() as name:
        child, port = chain_node(Path(name), Path(name), ChainNodeOptions(keep=False))
        await child.start()
        try:
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=120, trust_env=False) as http:
                accounts = (await http.post("", json={"jsonrpc": "2.0", "id": 1, "method": "eth_accounts", "params": []})).json()["result"]
                bench = Bench(http, checksummed(accounts[0]))
                await prepared(bench)
                above = shown(await measured(bench, counts), counts)
        finally:
            await child.stop()
    print("\n".join(above) or "At or below the best known way everywhere.")
    return 1 if above else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--payees", default="1,10,100,200")
    sys.exit(asyncio.run(run([int(count) for count in parser.parse_args().payees.split(",")])))

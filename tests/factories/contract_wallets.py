"""Contract wallets (EIP-1271) on a local node: an honest one, and code put in its place. Assembled by hand, so that it can return anything."""

from typing import Any

import httpx

MAGIC = "1626ba7e"

# Each is the code that runs. A word is written to memory at 0, then so many bytes are returned.
_RETURN_WORD = "60005260206000f3"


def honest(owner: str) -> str:
    """ecrecover(hash, v, r, s) == owner, from isValidSignature(bytes32 hash, bytes signature) with r, s, v in 65 bytes."""
    return (
        "600435600052"  # hash
        "60a43560f81c602052"  # v
        "606435604052"  # r
        "608435606052"  # s
        "60206000608060006001"  # into 0..32, from 0..128, precompile 1
        "5afa50"
        f"60005173{owner[2:].lower()}14"
        f"63{MAGIC}0260e01b" + _RETURN_WORD
    )


HOSTILE = {
    "is not there": "",
    "answers nothing": "00",
    "reverts": "60006000fd",
    "reverts with the right answer": f"63{MAGIC}60e01b60005260206000fd",
    "wrong answer": "63ffffffff60e01b" + _RETURN_WORD,
    "says 1": "6001" + _RETURN_WORD,
    "right answer at the wrong end": f"63{MAGIC}" + _RETURN_WORD,
    "right answer with dirt behind": f"63{MAGIC}60e01b600117" + _RETURN_WORD,
    "right answer without its padding": f"63{MAGIC}60e01b60005260046000f3",
    "right answer and one byte more": f"63{MAGIC}60e01b60005260216000f3",
    "right answer and a word more": f"63{MAGIC}60e01b60005260406000f3",
    "right answer and a megabyte": f"63{MAGIC}60e01b6000526210000060 00f3".replace(" ", ""),
    "answer of the draft": "6320c13b0b60e01b" + _RETURN_WORD,
    "burns all gas": "5b600056",
    "does what is no instruction": "fe",
    "all bits": "600019" + _RETURN_WORD,
}


class Node:
    def __init__(self, rpc_url: str) -> None:
        self.rpc_url = rpc_url

    async def ask(self, method: str, *params: Any) -> Any:
        async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
            answer = (await client.post(self.rpc_url, json={"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)})).json()
        assert "error" not in answer, answer
        return answer["result"]

    async def deploy(self, code: str) -> str:
        """The address of a contract with that code, mined."""
        size = len(code) // 2
        creation = f"61{size:04x}80600c6000396000f3{code}"  # copies what follows it and returns that
        sender = (await self.ask("eth_accounts"))[0]
        transaction = await self.ask("eth_sendTransaction", {"from": sender, "data": "0x" + creation, "gas": hex(1_000_000)})
        await self.ask("evm_mine")
        receipt = await self.ask("eth_getTransactionReceipt", transaction)
        assert receipt["status"] == "0x1"
        assert await self.ask("eth_getCode", receipt["contractAddress"], "latest") == "0x" + code
        return str(receipt["contractAddress"])

    async def replace(self, address: str, code: str) -> None:
        await self.ask("anvil_setCode", address, "0x" + code)

"""What people, companies and spammers do on chain, each as one call that waits for nothing."""

from collections.abc import Sequence
from typing import Any

from eth_abi.abi import encode
from eth_account.signers.local import LocalAccount
from eth_utils.abi import function_signature_to_4byte_selector

from crypto_project.demo.chain import ChainActor, SentTransaction
from crypto_project.demo.deploy import DemoContracts
from crypto_project.demo.keys import DEPLOYER_INDEX, dev_account

GAS_PER_AIRDROP = 60_000
GWEI = 10**9
MORE_THAN_ANYONE_HAS = 10**40


class ChainMoves:
    def __init__(self, actor: ChainActor, contracts: DemoContracts) -> None:
        self.actor = actor
        self.contracts = contracts
        self._issuer = dev_account(DEPLOYER_INDEX)

    async def pay_ether(self, sender: LocalAccount, to: str, wei: int) -> SentTransaction:
        return await self.actor.send(sender, to, value=wei)

    async def pay_token(self, sender: LocalAccount, token: str, to: str, units: int) -> SentTransaction:
        return await self.actor.send(sender, token, data=_call("transfer(address,uint256)", to, units))

    async def approve(self, owner: LocalAccount, token: str, spender: str, units: int) -> SentTransaction:
        return await self.actor.send(owner, token, data=_call("approve(address,uint256)", spender, units))

    async def wrap(self, owner: LocalAccount, wei: int) -> SentTransaction:
        return await self.actor.send(owner, self.contracts.weth, value=wei, data=_call("deposit()"))

    async def unwrap(self, owner: LocalAccount, wei: int) -> SentTransaction:
        return await self.actor.send(owner, self.contracts.weth, data=_call("withdraw(uint256)", wei))

    async def buy_sold_out(self, buyer: LocalAccount, wei: int) -> SentTransaction:
        """Reverts: costs gas, moves nothing, though the transaction carries a value."""
        return await self.actor.send(buyer, self.contracts.reverter, value=wei, data=_call("buy()"))

    async def overdraw(self, sender: LocalAccount, token: str, to: str) -> SentTransaction:
        """Reverts with ERC20InsufficientBalance."""
        return await self.pay_token(sender, token, to, MORE_THAN_ANYONE_HAS)

    async def mint(self, token: str, to: str, units: int) -> SentTransaction:
        return await self.actor.send(self._issuer, token, data=_call("mint(address,uint256)", to, units))

    async def airdrop(self, recipients: Sequence[str], units: int) -> SentTransaction:
        """The look-alike token, to people who never asked for it."""
        return await self.actor.send(
            self._issuer,
            self.contracts.lure,
            data=_call("airdrop(address[],uint256)", list(recipients), units),
            gas=GAS_PER_AIRDROP * (len(recipients) + 1),
        )

    async def poison(self, spoofer: LocalAccount, token: str, victim: str, imitation: str) -> SentTransaction:
        """A transfer of nothing needs no allowance: the genuine token reports that the victim paid the imitation."""
        data = _call("transferFrom(address,address,uint256)", victim, imitation, 0)
        return await self.actor.send(spoofer, token, data=data)

    async def forge(self, apparent_sender: str, apparent_receiver: str, units: int) -> SentTransaction:
        """The look-alike token reports a transfer that never was; balances stay as they are."""
        data = _call("forge(address,address,uint256)", apparent_sender, apparent_receiver, units)
        return await self.actor.send(self._issuer, self.contracts.lure, data=data)

    async def post_price(self, feed: str, answer: int) -> SentTransaction:
        return await self.actor.send(self._issuer, feed, data=_call("post(int256)", answer))

    async def latest_price(self, feed: str) -> int:
        answer = await self._read(feed, "latestRoundData()")
        return int.from_bytes(answer[32:64], "big", signed=True)  # the second of five words

    async def ether_balance(self, owner: str) -> int:
        return int(await self.actor.rpc("eth_getBalance", owner, "latest"), 16)

    async def token_balance(self, token: str, owner: str) -> int:
        return int.from_bytes(await self._read(token, "balanceOf(address)", owner), "big")

    async def _read(self, contract: str, signature: str, *arguments: Any) -> bytes:
        data = "0x" + _call(signature, *arguments).hex()
        answer: str = await self.actor.rpc("eth_call", {"to": contract, "data": data}, "latest")
        return bytes.fromhex(answer.removeprefix("0x"))


def _call(signature: str, *arguments: Any) -> bytes:
    types = [part for part in signature[signature.index("(") + 1 : -1].split(",") if part]
    return function_signature_to_4byte_selector(signature) + encode(types, arguments)

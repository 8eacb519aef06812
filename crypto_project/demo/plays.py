"""The business of the company as small plays: each sends what one event of its day sends, and remembers what it meant by it."""

from collections import defaultdict
from collections.abc import Awaitable, Callable
from random import Random

from eth_account.signers.local import LocalAccount

from crypto_api.classification.types import Category
from crypto_project.demo import cast
from crypto_project.demo.chain import MinedBlock, SentTransaction
from crypto_project.demo.keys import look_alike
from crypto_project.demo.moves import ChainMoves

ETHER = 10**18
KEPT_FOR_GAS = ETHER // 50
OUTSIDER_WEI = 5_000 * ETHER
OUTSIDER_TOKENS = 20_000_000
ETHER_PRICE_STEP = 40  # at most so many hundredths of a percent at a time
ONE_DOLLAR = 10**8
STABLE_PRICE_SPREAD = 40_000  # 0.0004 dollars
SPENDING_WALLETS = (cast.OPERATIONS, cast.PAYROLL, cast.RECEIVABLES, cast.COLD_RESERVE)

Play = Callable[[], Awaitable[None]]


class Plays:
    """`meant` says for each transaction hash how the company would file it if it succeeds; what does not concern the company is not in it."""

    def __init__(self, moves: ChainMoves, random: Random) -> None:
        self.moves = moves
        self.random = random
        self.meant: dict[str, Category] = {}
        self.mined_at: defaultdict[tuple[str, int], list[float]] = defaultdict(list)
        self._promised: defaultdict[tuple[str, str], int] = defaultdict(int)
        tokens = moves.contracts
        self._decimals = {tokens.usdc: 6, tokens.dai: 18}

    def block_mined(self, *blocks: MinedBlock) -> None:
        """What was sent is now part of the balances."""
        self._promised.clear()
        for block in blocks:
            for transaction in block.transactions:
                self.mined_at[transaction, block.number].append(block.mined_at)

    def day(self) -> list[tuple[Play, int]]:
        """The plays with how often they happen, relative to one another."""
        return [
            (self.client_pays, 24),
            (self.salary, 8),
            (self.supplier_is_paid, 10),
            (self.sweep, 7),
            (self.top_up, 6),
            (self.wrap, 3),
            (self.unwrap, 3),
            (self.stranger_pays, 2),
            (self.failure, 6),
            (self.airdrop, 3),
            (self.poisoning, 3),
            (self.price_moves, 8),
        ]

    def forget(self) -> None:
        """Lets go of what only a check of the outcome would read."""
        self.meant.clear()
        self.mined_at.clear()

    async def fund_outsiders(self) -> None:
        """Gives those around the company something to pay with. Repeating it tops up."""
        for outsider in (*cast.COUNTERPARTIES, cast.STRANGER, cast.SPOOFER):
            await self.moves.actor.set_balance(outsider.account.address, OUTSIDER_WEI)
            for token, decimals in self._decimals.items():
                wanted = OUTSIDER_TOKENS * 10**decimals
                held = await self.moves.token_balance(token, outsider.account.address)
                if held < wanted // 4:
                    await self.moves.mint(token, outsider.account.address, wanted - held)

    async def repeat_prices(self) -> None:
        """The feeds' heartbeat, without which a price grows too old to be used."""
        contracts = self.moves.contracts
        for feed in (contracts.eth_usd, contracts.usdc_usd, contracts.dai_usd):
            await self.moves.post_price(feed, await self.moves.latest_price(feed))

    async def bring_in_capital(self) -> bool:
        """The company's start: what it bought at an exchange. False, and nothing sent, when the treasury has something already."""
        exchange, treasury = cast.EXCHANGE.account, cast.TREASURY.account.address
        if await self._spendable(None, cast.TREASURY.account) > 5 * ETHER:
            return False
        self._mean(await self.moves.pay_ether(exchange, treasury, 90 * ETHER), Category.TRANSFER_IN)
        for token, amount in ((self.moves.contracts.usdc, 260_000), (self.moves.contracts.dai, 85_000)):
            sent = await self.moves.pay_token(exchange, token, treasury, amount * 10 ** self._decimals[token])
            self._mean(sent, Category.TRANSFER_IN)
        return True

    async def hand_out_working_capital(self) -> None:
        """From the treasury: gas for every wallet that sends, and the budgets of payroll and operations."""
        treasury = cast.TREASURY.account
        for wallet, wei in ((cast.GAS_TANK, 6 * ETHER), (cast.PAYOUTS, 5 * ETHER), *((wallet, ETHER) for wallet in SPENDING_WALLETS)):
            await self._own_ether(treasury, wallet.account.address, wei)
        for wallet, dollars in ((cast.PAYROLL, 60_000), (cast.OPERATIONS, 40_000), (cast.PAYOUTS, 25_000)):
            await self._own_token(self.moves.contracts.usdc, treasury, wallet.account.address, dollars * 10**6)
        await self._own_token(self.moves.contracts.dai, treasury, cast.OPERATIONS.account.address, 20_000 * ETHER)

    async def client_pays(self) -> None:
        client = self.random.choice(cast.CLIENTS).account
        to = cast.RECEIVABLES.account.address
        if self.random.random() < 0.2:
            sent = await self.moves.pay_ether(client, to, self.random.randint(3 * ETHER // 10, 3 * ETHER))
        else:
            token = self._some_token()
            sent = await self.moves.pay_token(client, token, to, self._amount(token, 1_200, 14_000))
        self._mean(sent, Category.INCOME)

    async def salary(self) -> None:
        employee, usdc = self.random.choice(cast.EMPLOYEES).account.address, self.moves.contracts.usdc
        await self._pay(cast.PAYROLL.account, usdc, employee, self._amount(usdc, 3_800, 7_200), Category.PAYROLL)

    async def supplier_is_paid(self) -> None:
        supplier, token = self.random.choice(cast.SUPPLIERS).account.address, self._some_token()
        await self._pay(cast.OPERATIONS.account, token, supplier, self._amount(token, 180, 2_400), Category.EXPENSE)

    async def stranger_pays(self) -> None:
        usdc = self.moves.contracts.usdc
        wallet = self.random.choice(cast.WALLETS).account.address
        sent = await self.moves.pay_token(cast.STRANGER.account, usdc, wallet, self._amount(usdc, 5, 900))
        self._mean(sent, Category.UNCLASSIFIED)

    async def sweep(self) -> None:
        """What clients paid goes to the treasury; some of its ether goes into cold storage."""
        token, receivables = self._some_token(), cast.RECEIVABLES.account
        await self._own_token(token, receivables, cast.TREASURY.account.address, await self._spendable(token, receivables) * 4 // 5)
        spare = await self._spendable(None, receivables) - ETHER
        if spare > 2 * ETHER:
            await self._own_ether(receivables, cast.COLD_RESERVE.account.address, spare * 3 // 5)

    async def top_up(self) -> None:
        usdc, treasury = self.moves.contracts.usdc, cast.TREASURY.account
        wallet = self.random.choice((cast.PAYROLL, cast.OPERATIONS))
        await self._own_token(usdc, treasury, wallet.account.address, self._amount(usdc, 6_000, 18_000))
        thirsty = self.random.choice(SPENDING_WALLETS).account.address
        await self._own_ether(cast.GAS_TANK.account, thirsty, self.random.randint(ETHER // 100, ETHER // 20))

    async def wrap(self) -> None:
        wei, treasury = self.random.randint(ETHER // 4, 2 * ETHER), cast.TREASURY.account
        if await self._promise(None, treasury, wei):
            self._mean(await self.moves.wrap(treasury, wei), Category.WRAP)

    async def unwrap(self) -> None:
        weth, treasury = self.moves.contracts.weth, cast.TREASURY.account
        wei = await self._spendable(weth, treasury) // 2
        if wei and await self._can_pay_gas(treasury) and await self._promise(weth, treasury, wei):
            self._mean(await self.moves.unwrap(treasury, wei), Category.WRAP)

    async def failure(self) -> None:
        """A transfer of more than there is, or a purchase that comes too late: gas is all that moves."""
        sender = self.random.choice((cast.OPERATIONS, cast.TREASURY, cast.PAYROLL)).account
        if self.random.random() < 0.5:
            if await self._can_pay_gas(sender):
                sent = await self.moves.overdraw(sender, self._some_token(), self.random.choice(cast.SUPPLIERS).account.address)
                self._mean(sent, Category.FAILED)
        elif await self._promise(None, sender, ETHER // 10):
            self._mean(await self.moves.buy_sold_out(sender, ETHER // 10), Category.FAILED)

    async def airdrop(self) -> None:
        count = self.random.randint(1, 3)
        recipients = [wallet.account.address for wallet in self.random.sample(cast.WALLETS, count)]
        self._mean(await self.moves.airdrop(recipients, self.random.randint(50, 5_000) * 10**6), Category.SPAM)

    async def poisoning(self) -> None:
        victim = self.random.choice(cast.WALLETS).account.address
        model = self.random.choice(cast.COUNTERPARTIES).account.address
        imitation = look_alike(model, salt=str(self.random.random()))
        way = self.random.random()
        if way < 0.2:
            sent = await self.moves.pay_ether(cast.SPOOFER.account, victim, 0)
        elif way < 0.75:
            sent = await self.moves.poison(cast.SPOOFER.account, self._some_token(), victim, imitation)
        else:
            sent = await self.moves.forge(victim, imitation, self.random.randint(100, 9_000) * 10**6)
        self._mean(sent, Category.SPAM)

    async def price_moves(self) -> None:
        contracts = self.moves.contracts
        if self.random.random() < 0.8:
            step = self.random.randint(-ETHER_PRICE_STEP, ETHER_PRICE_STEP)
            await self.moves.post_price(contracts.eth_usd, await self.moves.latest_price(contracts.eth_usd) * (10_000 + step) // 10_000)
        else:
            feed = self.random.choice((contracts.usdc_usd, contracts.dai_usd))
            await self.moves.post_price(feed, ONE_DOLLAR + self.random.randint(-STABLE_PRICE_SPREAD, STABLE_PRICE_SPREAD))

    def _mean(self, sent: SentTransaction, category: Category) -> None:
        self.meant[sent.hash] = category

    def _some_token(self) -> str:
        return self.moves.contracts.usdc if self.random.random() < 0.75 else self.moves.contracts.dai

    def _amount(self, token: str, dollars_min: int, dollars_max: int) -> int:
        cents = self.random.randint(dollars_min * 100, dollars_max * 100)
        return int(cents * 10 ** (self._decimals[token] - 2))

    async def _own_token(self, token: str, sender: LocalAccount, to: str, units: int) -> None:
        if units > 0:
            await self._pay(sender, token, to, units, Category.OWN_TRANSFER)

    async def _own_ether(self, sender: LocalAccount, to: str, wei: int) -> None:
        if await self._promise(None, sender, wei):
            self._mean(await self.moves.pay_ether(sender, to, wei), Category.OWN_TRANSFER)

    async def _pay(self, sender: LocalAccount, token: str, to: str, units: int, category: Category) -> None:
        if await self._can_pay_gas(sender) and await self._promise(token, sender, units):
            self._mean(await self.moves.pay_token(sender, token, to, units), category)

    async def _can_pay_gas(self, owner: LocalAccount) -> bool:
        return await self._spendable(None, owner) > 0

    async def _promise(self, token: str | None, owner: LocalAccount, amount: int) -> bool:
        """Sets the amount aside until the next block. False when there is not enough."""
        if await self._spendable(token, owner) < amount:
            return False
        self._promised[owner.address, token or ""] += amount
        return True

    async def _spendable(self, token: str | None, owner: LocalAccount) -> int:
        """At the head, less what was sent since; of ether, gas for a few transactions is left alone."""
        promised = self._promised[owner.address, token or ""]
        if token is not None:
            return await self.moves.token_balance(token, owner.address) - promised
        return await self.moves.ether_balance(owner.address) - promised - KEPT_FOR_GAS

"""The organisations of an installation under faults: founded by the product's own flow, their wallets given in over HTTP with canaries as keys."""

import asyncio
import contextlib
from random import Random

import httpx
from eth_account import Account
from pydantic import SecretStr

from crypto_api.bootstrap import open_runtime
from crypto_api.config import Config
from crypto_api.flows.register_account import register_account
from crypto_api.identity.types import NewUser
from crypto_api.policies import service as policies
from crypto_api.policies.types import Payees, PaymentPolicy
from crypto_api.runtime import Runtime
from crypto_project.demo.keys import dev_account
from tests.chaos.installation import DATABASE, SECRET_KEY, STOPPED_BELOW, Installation
from tests.chaos.load import ETHER, PASSWORD, USDC, Cast, Console, Person, Street, add_wallet, new_key

ORGANIZATIONS, PAYING = 2, 2
OPENED_WITHIN_S = 300.0


async def move_in(house: Installation, random: Random) -> Cast:
    """Everything stands, listens and is opened when this returns; nothing has begun to happen."""
    people = await _found(house, random)
    accounts = {person.name: [Account.from_key(new_key(random)) for _ in range(PAYING + 1)] for person in people}
    strangers = [dev_account(index) for index in range(4, 8)]
    for account in (each for of in accounts.values() for each in of):
        await house.actor.set_balance(account.address, 1_000 * ETHER)
        await house.moves.mint(house.contracts.usdc, account.address, 10**6 * USDC)
    for account in strangers:
        await house.moves.mint(house.contracts.usdc, account.address, 10**9 * USDC)
    await house.actor.mine()
    await house.actor.mine_many(STOPPED_BELOW + 2)
    house.floor = house.first_height = await house.height()
    await house.start()
    cast = Cast(people, [], Street(house, random, strangers, [], []), {}, {}, {})
    for person in people:
        await _logged_in(person)
        *paying, watched = accounts[person.name]
        for number, account in enumerate(paying):
            wallet = await add_wallet(person, f"Pays {number}", wallet_type="private_key", private_key="0x" + bytes(account.key).hex())
            person.wallets.append(wallet)
            cast.keys[wallet], cast.addresses[wallet], cast.paying[wallet] = bytes(account.key), account.address, account.address
        wallet = await add_wallet(person, "Watched", wallet_type="watch", address=watched.address)
        cast.addresses[wallet] = watched.address
        cast.street.watched.append(watched)
    cast.street.own += cast.addresses.values()
    for person in people:
        person.theirs = [wallet for other in people if other is not person for wallet in other.wallets]
    await _opened(house)
    cast.consoles = [Console(person) for person in people]
    cast.going = [asyncio.create_task(each.run(), name="console") for each in cast.consoles]
    async with asyncio.timeout(OPENED_WITHIN_S):
        for console in cast.consoles:
            await console.ready.wait()
    return cast


async def _logged_in(person: Person) -> None:
    """On a machine that does many other things an API that is just up may take longer than its clients wait."""
    async with asyncio.timeout(OPENED_WITHIN_S):
        while True:
            with contextlib.suppress(httpx.HTTPError):
                return await person.log_in()


async def _found(house: Installation, random: Random) -> list[Person]:
    config = Config(
        _env_file=None, mongodb_uri=house.addresses.mongodb_uri, mongodb_database=DATABASE, redis_url=house.addresses.redis_url,
        secret_key=SecretStr(SECRET_KEY), bcrypt_cost=4, log_dir=house.folder / "logs" / "supervisor",
    )  # type: ignore[call-arg]  # fmt: skip
    async with open_runtime(config) as runtime:
        return [await _founder(house, runtime, f"founder{number}", f"canary{random.randbytes(6).hex()}") for number in range(ORGANIZATIONS)]


async def _founder(house: Installation, runtime: Runtime, name: str, canary: str) -> Person:
    user, _ = await register_account(
        runtime.uow, runtime.clock, NewUser(name, f"{name}@example.com", name.title(), "Chaos"), PASSWORD,
        organization_name=f"Company of {canary}", bcrypt_cost=4, verified=True,
    )  # fmt: skip
    row = await runtime.database["memberships"].find_one({"user_id": user.id})
    assert row is not None
    org_id, now = str(row["org_id"]), runtime.clock.now()
    before = await policies.current(org_id, now)
    policy = PaymentPolicy(payees=Payees.ANY, approvals_required=0)
    await runtime.uow.run(lambda session: policies.put(session, before, policy, user.id, now))
    return Person(house, name, org_id, canary)


async def _opened(house: Installation) -> None:
    async with asyncio.timeout(OPENED_WITHIN_S):
        while await house.database["wallets"].count_documents({"opening": {"$ne": "done"}}):
            house.look()
            await asyncio.sleep(0.1)

"""What a person types into each form of the dashboard, where an empty form is not enough to reach what it does."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from tests.authorization.house import House, Person, random_address

Form = Mapping[str, str] | Sequence[tuple[str, str]]
Filler = Callable[[House, str, Person], Awaitable[Form]]
FORMS: dict[str, Filler] = {}


def form(name: str) -> Callable[[Filler], Filler]:
    def put(filler: Filler) -> Filler:
        FORMS[name] = filler
        return filler

    return put


@form("wallet-add")
async def add_wallet(house: House, org_id: str, person: Person) -> Form:
    return {"name": "Operations", "wallet_type": "watch", "network": "testnet", "address": random_address(), "monitoring_enabled": "on"}


@form("wallet")
async def rename_wallet(house: House, org_id: str, person: Person) -> Form:
    return {"name": "Payroll"}


@form("wallet-monitor")
async def watch_wallet(house: House, org_id: str, person: Person) -> Form:
    return {"enabled": "true"}

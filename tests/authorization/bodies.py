"""A valid request for each operation that the examples of the schema do not make one for. A function takes the act (who asks, in which
organisation, with which objects made for the path) and gives what is to be sent."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from crypto_api.identity import service as identity
from crypto_api.kit.ids import new_id
from tests.authorization.cells import Cells
from tests.authorization.house import PASSWORD, House, Person, random_address
from tests.authorization.objects import KINDS
from tests.authorization.product import Operation

Values = dict[str, Any]
ONE = Decimal(1)


@dataclass(frozen=True)
class Request:
    path: Mapping[str, str] = field(default_factory=dict)  # by name of the parameter
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def with_id(self, place: str, object_id: str) -> "Request":
        """The same with another id at `path.…`, `query.…` or `body.…`."""
        where, _, name = place.partition(".")
        if where == "body":
            return replace(self, body=_put(self.body or {}, name.split("."), object_id))
        return replace(self, **{where: {**getattr(self, where), name: object_id}})

    def filled(self, path: str) -> str:
        for name, value in self.path.items():
            path = path.replace("{" + name + "}", value)
        assert "{" not in path, f"{path}: no id for it"
        return path


def _put(body: Any, keys: list[str], value: Any) -> Any:
    key, rest = keys[0], keys[1:]
    if isinstance(body, list):
        return [_put(item, rest, value) if index == int(key) and rest else value if index == int(key) else item for index, item in enumerate(body)]
    if key.endswith("[]"):
        return {**body, key[:-2]: [value]}
    return {**body, key: _put(body.get(key, {}), rest, value) if rest else value}


@dataclass(frozen=True)
class Act:
    house: House
    org_id: str
    person: Person
    ids: Mapping[str, str]

    async def make(self, kind: str) -> str:
        return await KINDS[kind](self.house, self.org_id, self.person)


async def request_for(house: House, cells: Cells, operation: Operation, org_id: str, person: Person) -> Request:
    """Fresh objects for its path, and a valid body."""
    ids = {
        place.removeprefix("path."): await KINDS[kind](house, org_id, person)
        for place, kind in cells.ids.items()
        if place.startswith("path.") and kind != "-"
    }
    act = Act(house, org_id, person, ids)
    given = await REQUESTS[cells.name](act) if cells.name in REQUESTS else Request(body=example(operation.body) if operation.body else None)
    if not isinstance(given, Request):
        given = Request(body=given)
    return replace(given, path={**ids, **given.path})


def example(schema: Values) -> Any:
    """A value after the schema: its example, or the required fields by theirs."""
    for key in ("example", "const", "default"):
        if key in schema and schema[key] is not None:
            return schema[key]
    if schema.get("examples"):
        return schema["examples"][0]
    if schema.get("enum"):
        return schema["enum"][0]
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema:
            return example(schema[key][0])
    match schema.get("type"):
        case "object":
            return {name: example(part) for name, part in schema.get("properties", {}).items() if name in schema.get("required", [])}
        case "array":
            return [example(schema["items"]) for _ in range(max(1, schema.get("minItems", 1)))]
        case "boolean":
            return True
        case "integer" | "number":
            return schema.get("minimum", 1)
        case _:
            return "x"


Maker = Callable[[Act], Awaitable[Any]]
REQUESTS: dict[str, Maker] = {}


def request(maker: Maker) -> Maker:
    """For the operation of that name."""
    REQUESTS[maker.__name__] = maker
    return maker


# ---- accounts and sessions


@request
async def register(act: Act) -> Values:
    name = new_id("n").replace("_", "-")
    return {"username": name, "email": f"{name}@example.com", "password": PASSWORD, "first_name": "Ada", "last_name": "Byron"}


@request
async def verify_email(act: Act) -> Values:
    house, now = act.house, act.house.now
    return {"token": await house.runtime.uow.run(lambda session: identity.issue_verification(session, act.person.user_id, now))}


@request
async def log_in(act: Act) -> Values:
    return {"username": act.person.username, "password": PASSWORD}


@request
async def refresh(act: Act) -> Values:
    return {"refresh": act.person.refresh}


# ---- treasury


@request
async def create_wallet(act: Act) -> Values:
    return {"name": "Operations", "wallet_type": "watch", "network": "testnet", "address": random_address()}


@request
async def list_transactions_of_category(act: Act) -> Request:
    return Request(path={"category": "unclassified"})


# ---- books


def _journal_entry() -> Values:
    lines = [{"account_code": "1100", "debit_amount": "10.00"}, {"account_code": "3100", "credit_amount": "10.00"}]
    return {"date": "2026-11-20", "description": "By hand", "line_items": lines}


@request
async def create_journal_entry(act: Act) -> Values:
    return _journal_entry()


@request
async def update_journal_entry(act: Act) -> Values:
    return _journal_entry()


@request
async def reverse_journal_entry(act: Act) -> Values:
    return {"reason": "Booked twice"}


@request
async def create_account(act: Act) -> Values:
    return {"code": "4" + str(int(random_address(), 16))[:7], "name": "Grants", "account_type": "income"}


@request
async def update_account(act: Act) -> Values:
    return {"name": "Public grants"}


@request
async def get_general_ledger(act: Act) -> Request:
    return Request(query={"account_code": "1100"})


# ---- prices


async def _price(act: Act) -> None:
    """Known to the organisation before it is asked for."""
    from crypto_api.prices import service as prices

    house, now = act.house, act.house.now
    await house.runtime.uow.run(
        lambda session: prices.set_manual(
            session, act.org_id, asset="ETH", quote="USD", at=now, rate=ONE, reason="", user_id=act.person.user_id, now=now
        )
    )


@request
async def get_exchange_rate(act: Act) -> Request:
    await _price(act)
    return Request(query={"base": "ETH", "quote": "USD"})


@request
async def convert_amount(act: Act) -> Values:
    await _price(act)
    return {"base": "ETH", "quote": "USD", "amount": "0.25"}


@request
async def create_exchange_rate(act: Act) -> Values:
    return {"asset": "ETH", "quote": "USD", "at": "2026-11-20T12:00:00Z", "rate": "3120.45"}

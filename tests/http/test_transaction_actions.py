"""What a transaction did, and the call that it was: told where it is known, and said to be unknown where it is not."""

from decimal import Decimal
from typing import Any

import orjson
from eth_abi.abi import encode

from crypto_api.contracts.documents import Contract, ContractText
from crypto_api.contracts.types import AbiOrigin
from crypto_api.protocols.safes import Call
from crypto_api.protocols.signatures import Function
from crypto_api.protocols.types import Action, ActionKind, Portion
from crypto_api.transactions.types import Direction, MovementKind
from tests.factories.treasury import Treasury
from tests.http.conftest import Join, Person
from tests.http.world import FIRST, OTHER, OWN, stored_movement, stored_transaction
from tests.protocols.test_doings import bundled

USDC, POOL = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48", "0x88e6A0c2dDD26FEEb64F039a2c41296FcB3f5640"
SWAP = Function("swapExact(uint256 amountIn, address[] path, string memo)")
PARTS = [{"name": "amountIn", "type": "uint256"}, {"name": "path", "type": "address[]"}, {"name": "memo", "type": "string"}]
ABI = [{"type": "function", "name": "swapExact", "stateMutability": "nonpayable", "inputs": PARTS, "outputs": []}]
CALL = SWAP.selector + encode(["uint256", "address[]", "string"], [900 * 10**6, [USDC, OTHER], "up\u202edown\n<b>"]).hex()


NONE_WITHIN: dict[str, Any] = {"within": [], "within_left_out": 0}


async def swapped(person: Person, **changes: Any) -> str:
    action = Action(
        kind=ActionKind.SWAP,
        protocol="Uniswap v3",
        verified=True,
        contract=POOL,
        gives=(Portion(contract=USDC, raw_amount="900000000"),),
        takes=(Portion(contract=OTHER, raw_amount="5"),),
        evidence=(3, 9),
        note="Through 2 pools.",
    )
    usdc = {"kind": MovementKind.ERC20, "asset": "USDC", "symbol": "USDC", "contract": USDC, "decimals": 6, "raw_amount": "900000000"}
    out = stored_movement("wal_1", key="log:1", direction=Direction.OUT, amount=Decimal(900), **usdc)
    row = stored_transaction(
        person.org_id, "wal_1", movements=[out], **{"to_address": OTHER, "method": SWAP.selector, "input": CALL, "actions": [action]} | changes
    )
    await row.insert()
    return row.id


async def register(person: Person | Treasury, abi: list[dict[str, Any]]) -> None:
    place = {"network": "testnet", "chain_id": 31337, "address": OTHER, "code_hash": "0x", "code_size": 1}
    read = {"read_block_number": 1, "read_block_hash": "0x", "read_at": FIRST, "updated_at": FIRST, "created_by": "usr_1"}
    named = {"name": "Router", "name_folded": "router", "abi_origin": AbiOrigin.GIVEN}
    await Contract(id=f"ctr_{person.org_id}", created_at=FIRST, org_id=person.org_id, **place, **read, **named).insert()  # type: ignore[arg-type]
    await ContractText(id=f"ctr_{person.org_id}", created_at=FIRST, org_id=person.org_id, abi=orjson.dumps(abi).decode()).insert()


async def test_what_it_did_and_what_it_called(join: Join) -> None:
    ada = await join("ada", founds="Byron Treasury")
    row_id = await swapped(ada)
    before = (await ada.http.get(f"/api/transactions/{row_id}/")).json()
    assert before["call"] == {"selector": SWAP.selector, "function": None, "contract_name": "", "arguments": []} | NONE_WITHIN, "not known is said"
    assert before["actions"] == [
        {
            "kind": "swap",
            "protocol": "Uniswap v3",
            "verified": True,
            "contract": POOL,
            "account": None,
            "recipient": None,
            "gives": [{"contract": USDC, "symbol": "USDC", "raw_amount": "900000000", "amount": "900", "token_id": None}],
            "takes": [{"contract": OTHER, "symbol": "", "raw_amount": "5", "amount": None, "token_id": None}],
            "log_indexes": [3, 9],
            "words": f"Swapped 900 USDC for 5 base units of {OTHER[:6]}…{OTHER[-4:]}.",
            "note": "Through 2 pools.",
        }
    ]
    assert (before["movements"][0]["amount"], before["actions_left_out"]) == ("900", 0)
    await register(ada, ABI)
    called = (await ada.http.get(f"/api/transactions/{row_id}/")).json()["call"]
    assert (called["function"], called["contract_name"]) == ("swapExact(uint256,address[],string)", "Router")
    assert called["arguments"] == [
        {"name": "amountIn", "type": "uint256", "value": "900000000"},
        {"name": "path", "type": "address[]", "value": f'["{USDC}","{OTHER}"]'},
        {"name": "memo", "type": "string", "value": "up down <b>"},
    ]
    listed = (await ada.http.get("/api/transactions/")).json()["items"][0]
    assert (listed["call"], listed["actions"]) == (None, before["actions"]), "a list reads no ABIs"


async def test_bytes_that_are_not_what_an_abi_says_tell_nothing(join: Join) -> None:
    ada, eve = await join("ada", founds="Byron Treasury"), await join("eve", founds="Elsewhere")
    await register(ada, ABI)
    cut = await swapped(ada, input=CALL[:-80])
    assert (await ada.http.get(f"/api/transactions/{cut}/")).json()["call"]["function"] is None
    long = await swapped(ada, number=2, input=None)
    called = (await ada.http.get(f"/api/transactions/{long}/")).json()["call"]
    assert (called["function"], called["arguments"]) == ("swapExact(uint256,address[],string)", []), "it was too long to keep"
    plain = await swapped(ada, number=3, method="0x", input="0x", to_address=OWN)
    assert (await ada.http.get(f"/api/transactions/{plain}/")).json()["call"] is None
    theirs = await swapped(eve, number=4)
    assert (await eve.http.get(f"/api/transactions/{theirs}/")).json()["call"]["function"] is None, "another organisation's ABI"


async def test_what_a_safe_was_told_to_execute_is_explained_by_the_abi_of_its_contract(join: Join) -> None:
    ada = await join("ada", founds="Byron Treasury")
    await register(ada, ABI)
    bundle = bundled(
        Call(USDC.lower(), 0, "0x095ea7b3", False), Call(OTHER.lower(), 0, CALL, False), *9 * (Call(OTHER.lower(), 0, SWAP.selector, False),)
    )
    row_id = await swapped(ada, to_address=POOL, method=bundle[:10], input=bundle)
    called = (await ada.http.get(f"/api/transactions/{row_id}/")).json()["call"]
    assert (called["selector"], called["function"], called["arguments"], called["within_left_out"]) == ("0x6a761202", None, [], 1)
    unknown, known, *cut = called["within"]
    assert unknown == {"contract": USDC, "selector": "0x095ea7b3", "function": None, "contract_name": "", "arguments": []}
    assert (known["contract"], known["function"], known["contract_name"]) == (OTHER, "swapExact(uint256,address[],string)", "Router")
    assert [one["value"] for one in known["arguments"]] == ["900000000", f'["{USDC}","{OTHER}"]', "up down <b>"]
    assert [one["function"] for one in cut] == 8 * [None], "bytes that are not what the ABI says"

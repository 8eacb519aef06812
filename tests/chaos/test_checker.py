"""The checker proves itself: of a small picture in which all is well each invariant says so, and finds what is planted in a copy of it."""

import hashlib
import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from bson.decimal128 import Decimal128

from tests.chaos.checker import GENESIS, INVARIANTS, NOWHERE, Block, Heard, Order, Picture, Sent, check
from tests.chaos.picture import files_with, forms, lines_across, memory_with

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
ORG, OTHER = "org_a", "org_b"
PAYS, PAYEE = "0x" + "A1" * 20, "0x" + "B2" * 20
HASHES = {number: f"0x{number:064x}" for number in range(4)}
PAID = "0x" + "ab" * 32
ALIVE = 4242
FEE = 21_000 * 10**9
WEI = 2 * 10**18


def amount(value: str) -> Decimal128:
    return Decimal128(Decimal(value))


def line(account: str, debit: str, credit: str, quantity: str) -> dict[str, Any]:
    return {
        "account_code": account,
        "wallet_id": "wal_1",
        "asset": "ETH",
        "debit": amount(debit),
        "credit": amount(credit),
        "quantity": amount(quantity),
    }


def entry(name: str, transaction: str | None, *lines: dict[str, Any]) -> dict[str, Any]:
    total = sum((one["debit"].to_decimal() for one in lines), Decimal(0))
    kind = "opening" if transaction is None else "transaction"
    return {
        "_id": name, "org_id": ORG, "status": "posted", "source_kind": kind, "transaction_id": transaction, "seal_seq": 1,
        "lines": list(lines), "total_debit": amount(str(total)), "total_credit": amount(str(total)),
    }  # fmt: skip


def link(prev: str, seq: int, content: bytes) -> str:
    return hashlib.sha256(f"{prev}|{seq}|".encode() + content).hexdigest()


def sound() -> Picture:
    """One organisation that has paid two of its five coins, and one in which nothing happened."""
    sent = Sent(PAID, PAYS.lower(), PAYEE.lower(), WEI, 0, True, FEE)
    blocks = [Block(1, HASHES[1], HASHES[0]), Block(2, HASHES[2], HASHES[1], (sent,)), Block(3, HASHES[3], HASHES[2])]
    gas = str(Decimal(FEE).scaleb(-18))
    spent = [line("1200", "0", "40", "-2"), line("5000", "40", "0", "2"), line("1200", "0", "1", f"-{gas}"), line("5100", "1", "0", gas)]
    opening = entry("ent_1", None, line("1200", "100", "0", "5"), line("3000", "0", "100", "-5"))
    booked = entry("ent_2", "tx_1", *spent)
    contents = [json.dumps({"id": name}).encode() for name in ("ent_1", "ent_2")]
    first = link(GENESIS, 1, contents[0])
    record = {"_id": "aud_1", "org_id": ORG, "action": "wallet.added", "created_at": NOW}
    record_text = b'{"_id":"aud_1","action":"wallet.added","created_at":"2026-11-01T12:00:00.000+00:00","org_id":"org_a"}'
    whose = {"org_id": ORG, "network": "local"}

    def moved(kind: str, to: str, units: int) -> dict[str, Any]:
        return {"kind": kind, "contract": None, "from_address": PAYS, "to_address": to, "raw_amount": str(units)}

    def kept(account: str, debit: str, credit: str, quantity: str) -> dict[str, Any]:
        return {"_id": account, "org_id": ORG, **line(account, debit, credit, quantity)}

    rows: dict[str, list[dict[str, Any]]] = {
        "payments": [{
            "_id": "pay_1", **whose, "origin": {"id": "usr:key_1"}, "state": "CONFIRMED", "payee_address": PAYEE, "from_address": PAYS,
            "wallet_id": "wal_1", "asset": "ETH", "raw_amount": str(WEI), "amount": amount("2"), "due_at": None, "reason": "It is paid.", "holds": [],
        }],
        "payment_attempts": [{"_id": "pay_1:0", "org_id": ORG, "payment_id": "pay_1", "nonce": 0, "hash": PAID}],
        "nonce_slots": [{"_id": "slot", "address": PAYS, "nonce": 0, "payment_id": "pay_1", "live": False}],
        "sender_lanes": [{"_id": "lane", "address": PAYS, "frozen_reason": None}],
        "chain_cursors": [{"_id": "local", "height": 3, "hash": HASHES[3]}],
        "chain_blocks": [
            {"_id": hash_, "network": "local", "number": number, "hash": hash_, "parent_hash": HASHES[number - 1], "orphaned": False}
            for number, hash_ in HASHES.items()
            if number > 1
        ],
        "wallets": [{"_id": "wal_1", "org_id": ORG, "address": PAYS, "opened_at_height": 1}],
        "accounts": [{"_id": code, "org_id": ORG, "code": code, "account_type": kind} for code, kind in (("1200", "asset"), ("5000", "expense"))],
        "journal_entries": [opening, booked],
        "account_balances": [
            kept("1200", "100", "41", str(Decimal(3) - Decimal(gas))), kept("3000", "0", "100", "-5"), kept("5000", "40", "0", "2"),
            kept("5100", "1", "0", gas),
        ],
        "transactions": [{
            "_id": "tx_1", **whose, "hash": PAID, "block_hash": HASHES[2], "finality": "confirmed", "booking": "done",
            "movements": [moved("native", PAYEE, WEI), moved("gas", NOWHERE, FEE)],
        }],
        "entry_seals": [
            {"_id": "1", "org_id": ORG, "seq": 1, "prev": GENESIS, "hash": first, "content": contents[0]},
            {"_id": "2", "org_id": ORG, "seq": 2, "prev": first, "hash": link(first, 2, contents[1]), "content": contents[1]},
        ],
        "audit_records": [record],
        "audit_seals": [
            {"_id": "s", "org_id": ORG, "seq": 1, "prev": GENESIS, "hash": link(GENESIS, 1, record_text), "record_id": "aud_1"},
        ],
        "events": [{"_id": f"evt_{seq}", "org_id": ORG, "seq": seq, "data": {"name": "canary-a"}} for seq in (1, 2, 3)],
        "event_heads": [{"_id": ORG, "seq": 3}, {"_id": OTHER, "seq": 0}],
        "leases": [{"_id": "follow:local", "holder": f"host|space|{ALIVE}|77", "expires_at": datetime.now(UTC) + timedelta(hours=1)}],
        "process_presence": [{"_id": f"host|space|{ALIVE}|77|ab", "sessions": []}],
    }  # fmt: skip
    return Picture(
        rows=rows, blocks=blocks, held={("wal_1", "ETH"): 3 * 10**18 - FEE},
        orders=[Order(ORG, "key_1", "wal_1", PAYEE, "ETH", "2", 201, "pay_1"), Order(ORG, "key_2", "wal_x", "0x" + "C3" * 20, "ETH", "1", 422)],
        heard=[Heard(ORG, 1, ((1, 2), (2, 3)), ("canary-a",))], canaries={ORG: "canary-a", OTHER: "canary-b"}, addresses={"wal_1": PAYS},
        paying={"wal_1": PAYS}, alive={ALIVE},
    )  # fmt: skip


def change(collection: str, place: int = 0, **values: Any) -> Callable[[Picture], None]:
    return lambda picture: picture.rows[collection][place].update(values)


def add(collection: str, place: int = 0, **values: Any) -> Callable[[Picture], None]:
    """A copy of a row, with another id and what is said of it."""
    return lambda picture: picture.rows[collection].append({**deepcopy(picture.rows[collection][place]), "_id": "planted", **values})


def drop(collection: str, place: int = 0) -> Callable[[Picture], None]:
    return lambda picture: picture.rows[collection].pop(place) and None


def on_chain(*more: Sent) -> Callable[[Picture], None]:
    """In the last block."""

    def plant(picture: Picture) -> None:
        picture.blocks[-1] = replace(picture.blocks[-1], sent=more)

    return plant


def of(picture: Picture) -> Sent:
    return picture.blocks[1].sent[0]


def instead(**values: Any) -> Callable[[Picture], None]:
    """The payment as it stands on the chain is another one."""

    def plant(picture: Picture) -> None:
        picture.blocks[1] = replace(picture.blocks[1], sent=(replace(of(picture), **values),))

    return plant


AGAIN = Sent("0x" + "cd" * 32, PAYS.lower(), PAYEE.lower(), WEI, 1, True, FEE)
LATER = datetime.now(UTC) + timedelta(hours=1)

PLANTED: dict[str, tuple[str, Callable[[Picture], None]]] = {
    "paid twice": ("I1", on_chain(AGAIN)),
    "the wrong amount": ("I1", instead(value=WEI + 1)),
    "the wrong token": ("I1", instead(value=0, transfers=(("0x" + "dd" * 20, PAYS.lower(), PAYEE.lower(), WEI),))),
    "to somebody else": ("I1", instead(to="0x" + "99" * 20)),
    "confirmed, and nothing arrived": ("I1", instead(done=False)),
    "called off, and arrived": ("I1", change("payments", state="CANCELLED")),
    "sent without being written down": ("I2", drop("payment_attempts")),
    "no slot": ("I2", drop("nonce_slots")),
    "two payments with one transaction": ("I2", add("payment_attempts", payment_id="pay_2")),
    "a nonce is left out": ("I2", add("nonce_slots", nonce=2)),
    "a wallet is stopped": ("I2", change("sender_lanes", frozen_reason="a nonce of somebody else's")),
    "an entry out of balance": ("I3", lambda picture: picture.rows["journal_entries"][1]["lines"][0].update(credit=amount("39"))),
    "a coin out of nothing": ("I3", lambda picture: picture.rows["journal_entries"][1]["lines"][0].update(quantity=amount("-1"))),
    "a kept sum that is none": ("I3", change("account_balances", debit=amount("101"))),
    "booked twice": ("I3", add("journal_entries", 1)),
    "booked not at all": ("I3", drop("journal_entries", 1)),
    "one unit too few on the chain": ("I4", lambda picture: picture.held.update({("wal_1", "ETH"): 3 * 10**18 - FEE - 1})),
    "acknowledged and lost": ("I5", lambda picture: picture.orders.append(Order(ORG, "key_3", "wal_1", PAYEE, "ETH", "1", 201, "pay_3"))),
    "another amount than was asked for": ("I5", change("payments", amount=amount("2.5"))),
    "refused and done": ("I5", change("payments", origin={"id": "usr:key_2"})),
    "asked for by nobody": ("I5", add("payments", origin={"id": "usr:key_9"})),
    "two answers to one key": ("I5", lambda picture: picture.orders.append(Order(ORG, "key_1", "wal_1", PAYEE, "ETH", "2", 201, "pay_1 and pay_2"))),
    "an entry is altered": ("I6", change("entry_seals", 1, content=b'{"id": "ent_2", "more": 1}')),
    "a seal is missing": ("I6", drop("entry_seals")),
    "an entry has no seal": ("I6", drop("entry_seals", 1)),
    "an audit record is altered": ("I6", change("audit_records", action="wallet.deleted")),
    "an audit record is gone": ("I6", drop("audit_records")),
    "a number is left out": ("I7", change("events", 2, seq=4)),
    "an event has no number": ("I7", add("events", seq=None, created_at=NOW)),
    "a frame is missing": ("I7", lambda picture: picture.heard.append(Heard(ORG, 1, ((2, 3),)))),
    "a frame comes twice": ("I7", lambda picture: picture.heard.append(Heard(ORG, 1, ((1, 2), (1, 2), (2, 3))))),
    "following stands elsewhere": ("I8", change("chain_cursors", hash=HASHES[1])),
    "a header of another chain": ("I8", change("chain_blocks", hash=HASHES[1])),
    "a header twice": ("I8", add("chain_blocks")),
    "a movement in another block": ("I8", change("transactions", block_hash=HASHES[3])),
    "a movement twice": ("I8", add("transactions")),
    "a movement is missing": ("I8", lambda picture: picture.rows["transactions"][0]["movements"].pop() and None),
    "somebody else's name in a row": ("I9", add("events", org_id=OTHER, seq=1)),
    "somebody else's name in a frame": ("I9", lambda picture: picture.heard.append(Heard(OTHER, 0, (), ("{canary-a}",)))),
    "somebody else's name in a log": ("I9", lambda picture: picture.strings_found.append(("api.log:7", ORG))),
    "a key in a log": ("I10", lambda picture: picture.keys_found.append("api.log: the key of wal_1")),
    "the API was not back": ("I11", lambda picture: picture.late.append("not within 30 s: the API is healthy")),
    "nobody looks at a payment": ("I11", change("payments", state="APPROVED")),
    "no reason": ("I11", change("payments", state="BROADCAST", due_at=NOW, reason="")),
    "a person is asked": ("I11", change("payments", holds=["needs_human"])),
    "a lease of somebody dead": ("I12", add("leases", holder="host|space|999999|1", expires_at=LATER)),
    "a heartbeat of somebody dead": ("I12", change("process_presence", _id="host|space|999999|1|cd")),
    "a vault is left": ("I12", lambda picture: picture.left.append("vault 7 outlived its signer")),
}


def test_of_what_is_sound_nothing_is_said() -> None:
    assert check(sound()) == []


@pytest.mark.parametrize("name", PLANTED)
def test_what_is_planted_is_found(name: str) -> None:
    invariant, plant = PLANTED[name]
    picture = sound()
    plant(picture)
    assert check(picture, [invariant]), name


def test_each_invariant_has_something_planted_for_it() -> None:
    assert {invariant for invariant, _ in PLANTED.values()} == set(INVARIANTS)


def test_keys_and_strings_are_met_where_they_are(tmp_path: Path) -> None:
    key = bytes(range(1, 33))
    (tmp_path / "api.log").write_text(f'{{"body": "{key.hex()}"}}\n{{"org": "org_b", "name": "canary-a"}}\n')
    (tmp_path / "collection.wt").write_bytes(b"\0\1" + key + b"\2")
    (tmp_path / "clean.log").write_text("nothing")
    wanted = {"the key": forms(key)}
    found = sorted(Path(hit.split(": ")[0]).name for hit in files_with(wanted, tmp_path.rglob("*"), 0))
    assert found == ["api.log", "collection.wt"]
    assert list(lines_across(tmp_path, {"org_a": "canary-a", "org_b": "canary-b"})) == [("api.log:2", "org_a")]


def test_a_key_is_met_in_the_memory_of_a_process() -> None:
    import os

    if os.geteuid() != 0:
        pytest.skip("only root may look into the memory of other processes")
    held = bytearray(b"a key that this process holds just now")
    assert list(memory_with({"it": [bytes(held)]}, "test", os.getpid())) == ["memory of the test: it"]

"""The twelve invariants, each a function of what was read raw: from MongoDB as it lies there, from the node as it answers, from what HTTP clients
were told and consoles have heard, and from the system itself (`picture.py` reads all that). Nothing of the product is imported here, and nothing that
checks it elsewhere either. Each answers what is wrong, a sentence for each thing; nothing when all is well.

`test_checker.py` plants a violation of each and sees it found.
"""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Context, Decimal, Inexact, localcontext
from itertools import pairwise
from typing import Any

Row = dict[str, Any]
TRANSFER = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"  # EIP-20, hashed
NOWHERE = "0x" + "0" * 40
DECIMALS = {"ETH": 18, "USDC": 6}
ENDED = ("CONFIRMED", "REJECTED", "CANCELLED", "FAILED", "REPLACED")
NOTHING_ARRIVES = ("REJECTED", "CANCELLED", "FAILED", "REPLACED")
GENESIS = "0" * 64
NUMBERED_WITHIN = timedelta(seconds=30)  # something may be written while it is looked at
_EXACT = Context(prec=100, traps=[Inexact])


@dataclass(frozen=True)
class Sent:
    """A transaction of the chain with its receipt. Addresses in lower case."""

    hash: str
    sender: str
    to: str
    value: int
    nonce: int
    done: bool
    fee: int
    transfers: tuple[tuple[str, str, str, int], ...] = ()  # (contract, from, to, units)


@dataclass(frozen=True)
class Block:
    number: int
    hash: str
    parent: str
    sent: tuple[Sent, ...] = ()


@dataclass(frozen=True)
class Order:
    """A payment that a client asked for, and the answer that it was given in the end."""

    org_id: str
    key: str
    wallet_id: str
    to: str
    asset: str
    amount: str
    status: int | None
    id: str = ""  # of the payment, where it was acknowledged

    @property
    def acknowledged(self) -> bool:
        return self.status in (200, 201, 202)


@dataclass(frozen=True)
class Heard:
    """What a console was sent: (number of the frame before, number), in the order in which it came."""

    org_id: str
    start: int
    links: tuple[tuple[int, int], ...]
    texts: tuple[str, ...] = ()


@dataclass
class Picture:
    """All that is looked at. `rows`: by collection, as they were in one snapshot."""

    rows: dict[str, list[Row]] = field(default_factory=dict)
    blocks: list[Block] = field(default_factory=list)  # of the chain, from the first one that was followed on
    held: dict[tuple[str, str], int] = field(default_factory=dict)  # (wallet, asset) → units at the hash of the last block that was followed
    orders: list[Order] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list)
    canaries: dict[str, str] = field(default_factory=dict)  # organisation → a text that is nobody else's
    addresses: dict[str, str] = field(default_factory=dict)  # wallet → address
    paying: dict[str, str] = field(default_factory=dict)  # of those whose key is held
    contracts: dict[str, str] = field(default_factory=dict)  # asset → contract; none for the coin
    network: str = "local"
    settled: bool = True  # everything asked for has come as far as it can
    keys_found: list[str] = field(default_factory=list)  # where a canary of a key was met
    strings_found: list[tuple[str, str]] = field(default_factory=list)  # (where, org) of strings of other organisations outside of the database
    late: list[str] = field(default_factory=list)  # what did not come back in time
    alive: set[int] = field(default_factory=set)  # processes that are to run
    left: list[str] = field(default_factory=list)  # processes, locks and files that nobody owns

    def of(self, collection: str, **fields: Any) -> list[Row]:
        return [row for row in self.rows.get(collection, []) if all(row.get(name) == value for name, value in fields.items())]

    @property
    def cursor(self) -> Row:
        (row,) = self.of("chain_cursors", _id=self.network)
        return row


# ---- payments --------------------------------------------------------------------------------------------------------------------


def _arrivals(picture: Picture) -> dict[str, list[tuple[str, str, int]]]:
    """Payee → (sender, asset, units) of each time that something came from a paying wallet. By the chain alone."""
    ours = {address.lower() for address in picture.paying.values()}
    assets = {contract.lower(): asset for asset, contract in picture.contracts.items()}
    found: defaultdict[str, list[tuple[str, str, int]]] = defaultdict(list)
    for sent in (sent for block in picture.blocks for sent in block.sent):
        if sent.sender not in ours or not sent.done:
            continue
        if sent.value:
            found[sent.to].append((sent.sender, "ETH", sent.value))
        for contract, sender, to, units in sent.transfers:
            found[to].append((sender, assets.get(contract, contract), units))
    return found


def i1_paid_at_most_once(picture: Picture) -> list[str]:
    """At most one canonical payment per intent, to the right payee, of the right token and amount, from the right wallet; what is confirmed has
    arrived, what came to nothing has not."""
    problems, arrivals = [], _arrivals(picture)
    for row in picture.of("payments"):
        came = arrivals.get(row["payee_address"].lower(), [])
        wanted = (row["from_address"].lower(), row["asset"], int(row["raw_amount"]))
        if len(came) > 1 or (came and came != [wanted]):
            problems.append(f"{row['_id']} ({row['state']}) is to bring {wanted}, and {came} arrived")
        elif picture.settled and bool(came) != (row["state"] not in NOTHING_ARRIVES and row["state"] in ("MINED", "CONFIRMED")):
            problems.append(f"{row['_id']} is {row['state']}, and {came or 'nothing'} arrived")
    payees = {row["payee_address"].lower() for row in picture.of("payments")}
    own = {address.lower() for address in picture.addresses.values()}
    problems += [f"{came} went to {to}, for which nobody asked" for to, came in arrivals.items() if to not in payees and to not in own]
    return problems


def i2_everything_sent_is_written_down(picture: Picture) -> list[str]:
    """Each transaction of a paying wallet that stands on the chain is an attempt of exactly one payment, in the one slot of its nonce; no nonce is
    missing and, once all has ended, none is open; no sender is stopped."""
    problems = []
    attempts = defaultdict(list)
    for row in picture.of("payment_attempts"):
        attempts[row["hash"]].append(row)
    slots = defaultdict(list)
    for row in picture.of("nonce_slots"):
        slots[row["address"].lower(), row["nonce"]].append(row)
    ours = {address.lower() for address in picture.paying.values()}
    for sent in (sent for block in picture.blocks for sent in block.sent if sent.sender in ours):
        of, at = attempts.get(sent.hash, []), slots.get((sent.sender, sent.nonce), [])
        if len(of) != 1 or len(at) != 1 or of[0]["payment_id"] != at[0]["payment_id"] or of[0]["nonce"] != sent.nonce:
            problems.append(f"{sent.hash} of {sent.sender} with nonce {sent.nonce} is an attempt of {len(of)} payments, in {len(at)} slots")
    for address in ours:
        numbers = sorted(nonce for sender, nonce in slots if sender == address)
        if numbers != list(range(len(numbers))):
            problems.append(f"{address} has the nonces {numbers}")
    problems += [f"{row['_id']} is stopped: {row['frozen_reason']}" for row in picture.of("sender_lanes") if row.get("frozen_reason")]
    return problems


# ---- books -----------------------------------------------------------------------------------------------------------------------


def i3_books_balance(picture: Picture) -> list[str]:
    """Each entry sums to zero, in value and in the quantity of each asset; each kept sum is that of its lines; each transaction is booked once."""
    problems = []
    entries = [row for row in picture.of("journal_entries") if row["status"] in ("posted", "reversed")]
    with localcontext(_EXACT):
        sums: defaultdict[tuple[Any, ...], list[Decimal]] = defaultdict(lambda: [Decimal(0)] * 3)
        for entry in entries:
            quantities: Counter[str] = Counter()
            debit = credit = Decimal(0)
            for line in entry["lines"]:
                parts = [_decimal(line[name]) for name in ("debit", "credit", "quantity")]
                key = entry["org_id"], line["account_code"], line["wallet_id"], line["asset"]
                sums[key] = [total + part for total, part in zip(sums[key], parts, strict=True)]
                debit, credit = debit + parts[0], credit + parts[1]
                quantities[line["asset"]] += parts[2]  # type: ignore[assignment]
            if debit != credit or (debit, credit) != (_decimal(entry["total_debit"]), _decimal(entry["total_credit"])):
                problems.append(f"entry {entry['_id']} does not balance: {debit} and {credit}")
            problems += [f"entry {entry['_id']} makes {left} {asset} of nothing" for asset, left in quantities.items() if left]
        kept = {
            (row["org_id"], row["account_code"], row["wallet_id"], row["asset"]): [_decimal(row[name]) for name in ("debit", "credit", "quantity")]
            for row in picture.of("account_balances")
        }
    nothing = [Decimal(0)] * 3
    for key in sums.keys() | kept.keys():
        if sums.get(key, nothing) != kept.get(key, nothing):
            problems.append(f"the kept sum of {key} is {kept.get(key)}, and its lines say {sums.get(key)}")
    return problems + _booked_once(picture, entries)


def _booked_once(picture: Picture, entries: list[Row]) -> list[str]:
    in_force = Counter(entry["transaction_id"] for entry in entries if entry["status"] == "posted" and entry["source_kind"] == "transaction")
    return [
        f"transaction {row['hash']} ({row['finality']}, booking {row['booking']}) has {in_force[row['_id']]} entries in force"
        for row in picture.of("transactions")
        if in_force[row["_id"]] != (row["booking"] == "done" and row["finality"] != "orphaned")
    ]


def i4_books_are_the_chain(picture: Picture) -> list[str]:
    """What the books hold of each asset of each wallet is its balance on the chain, at the hash of the last block that was followed, to the last
    unit."""
    assets = {(row["org_id"], row["code"]) for row in picture.of("accounts") if row["account_type"] == "asset"}
    quantities: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    with localcontext(_EXACT):
        for entry in picture.of("journal_entries"):
            if entry["status"] not in ("posted", "reversed"):
                continue
            for line in entry["lines"]:
                if line["wallet_id"] and line["asset"] and (entry["org_id"], line["account_code"]) in assets:
                    quantities[line["wallet_id"], line["asset"]] += _decimal(line["quantity"])
    return [
        f"{wallet} has {quantities[wallet, asset]} {asset} in the books, and {units} units on the chain"
        for (wallet, asset), units in picture.held.items()
        if quantities[wallet, asset] != Decimal(units).scaleb(-DECIMALS[asset])
    ]


# ---- what clients were told ------------------------------------------------------------------------------------------------------


def i5_answers_hold(picture: Picture) -> list[str]:
    """What was acknowledged is there, as it was asked for; what was refused has had no effect; and there is nothing that nobody asked for."""
    problems, arrivals = [], _arrivals(picture)
    payments = {row["_id"]: row for row in picture.of("payments")}
    by_key: dict[str, Row] = {row["origin"]["id"].rpartition(":")[2]: row for row in payments.values()}
    for order in picture.orders:
        if order.acknowledged:
            row = payments.get(order.id)
            said = (order.org_id, order.wallet_id, order.to, order.asset, Decimal(order.amount))
            if row is None:
                problems.append(f"{order.id} was acknowledged to {order.org_id}, and is not there")
            elif (row["org_id"], row["wallet_id"], row["payee_address"], row["asset"], _decimal(row["amount"])) != said:
                problems.append(f"{order.id} is not what was asked for: {said}")
        elif order.status is not None and (order.key in by_key or arrivals.get(order.to.lower())):
            problems.append(f"what {order.org_id} asked for under {order.key} was refused with {order.status}, and is there")
    known = {order.key for order in picture.orders}
    problems += [f"{row['_id']} was asked for by nobody" for key, row in by_key.items() if key not in known]
    if len(by_key) != len(payments):
        problems.append(f"{len(payments)} payments for {len(by_key)} keys")
    return problems


# ---- history ---------------------------------------------------------------------------------------------------------------------


def i6_seals_hold(picture: Picture) -> list[str]:
    """The chains of seals of entries and of audit records: no gap, each over the one before it, over what stands there now; everything posted is
    sealed."""
    problems: list[str] = []
    entries = {row["_id"]: row for row in picture.of("journal_entries")}
    for org in picture.canaries:
        seals = sorted(picture.of("entry_seals", org_id=org), key=lambda row: row["seq"])
        problems += _links(f"entries of {org}", seals, lambda row: bytes(row["content"]))
        sealed = [json.loads(row["content"])["id"] for row in seals]
        wanted = sorted(row["_id"] for row in entries.values() if row["org_id"] == org and row.get("seal_seq") is not None)
        if sorted(sealed) != wanted:
            problems.append(f"{org}: {len(sealed)} entries are sealed, {len(wanted)} say that they are")
        records = {row["_id"]: row for row in picture.of("audit_records", org_id=org)}
        of_audit = sorted(picture.of("audit_seals", org_id=org), key=lambda row: row["seq"])
        if missing := [row["record_id"] for row in of_audit if row["record_id"] not in records]:
            problems.append(f"{org}: audit records are gone: {missing[:3]}")
            continue
        problems += _links(f"audit of {org}", of_audit, lambda row: _canonical(records[row["record_id"]]))  # noqa: B023  it is called at once
    return problems


def _links(what: str, seals: list[Row], content: Callable[[Row], bytes]) -> Iterator[str]:
    prev = GENESIS
    for seq, row in enumerate(seals, 1):
        digest = hashlib.sha256(f"{prev}|{seq}|".encode() + content(row)).hexdigest()
        if (row["seq"], row["prev"], row["hash"]) != (seq, prev, digest):
            yield f"{what}: the chain breaks at {seq}"
            return
        prev = row["hash"]


def _canonical(row: Row) -> bytes:
    """JSON in UTF-8 without blanks, names sorted, times in UTC with milliseconds."""
    return json.dumps(row, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_plain).encode()


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds")
    return value.isoformat() if isinstance(value, date) else f"[{type(value).__name__}]{value!r}"


def i7_consoles_have_heard_the_log(picture: Picture) -> list[str]:
    """The numbers of an organisation's events have no gap, none waits for one, and each console has been sent exactly the log, in order."""
    problems = []
    for org in picture.canaries:
        events = picture.of("events", org_id=org)
        numbers = sorted(row["seq"] for row in events if row["seq"] is not None)
        if numbers != list(range(1, len(numbers) + 1)):
            problems.append(f"{org}: events are numbered with gaps, up to {numbers[-1]} for {len(numbers)}")
        waiting = [row for row in events if row["seq"] is None and datetime.now(UTC) - row["created_at"] > NUMBERED_WITHIN]
        if waiting:
            problems.append(f"{org}: {len(waiting)} events have no number yet, of {waiting[0]['created_at']}")
        heads = [row["seq"] for row in picture.of("event_heads", _id=org)]
        if heads != [len(numbers)]:
            problems.append(f"{org}: the head is {heads}, of {len(numbers)} events")
    for heard in picture.heard:
        head = max((row["seq"] or 0 for row in picture.of("events", org_id=heard.org_id)), default=0)
        wanted = list(pairwise(range(heard.start, head + 1)))
        if list(heard.links) != wanted:
            at = next((place for place, pair in enumerate(zip(heard.links, wanted, strict=False)) if pair[0] != pair[1]), len(heard.links))
            told = f"{list(heard.links[at : at + 3])} in the place of {wanted[at : at + 3]}"
            problems.append(f"a console of {heard.org_id} has {len(heard.links)} of {len(wanted)} frames: {told}")
    return problems


# ---- the chain -------------------------------------------------------------------------------------------------------------------


def i8_the_chain_is_covered(picture: Picture) -> list[str]:
    """What was followed is what the chain is: the last block, each header that is kept, and each transaction that concerns an organisation, once,
    in the block in which it stands, with all that moved in it."""
    cursor, by_number = picture.cursor, {block.number: block for block in picture.blocks}
    head = by_number.get(cursor["height"])
    if head is None or head.hash != cursor["hash"] or cursor["height"] != picture.blocks[-1].number:
        return [f"following stands at {cursor['height']}, {cursor['hash']}, and the chain at {picture.blocks[-1]}"]
    problems = []
    kept = [row for row in picture.of("chain_blocks", network=picture.network) if not row["orphaned"]]
    twice = [number for number, count in Counter(row["number"] for row in kept).items() if count > 1]
    problems += [f"block {number} is kept twice" for number in twice]
    for row in kept:
        block = by_number.get(row["number"])
        if block is not None and (row["hash"], row["parent_hash"]) != (block.hash, block.parent):
            problems.append(f"block {row['number']} is kept as {row['hash']}, and is {block.hash}")
    stored = Counter(_stored(picture))
    due = Counter(_due(picture))
    problems += [f"not stored: {row}" for row in due - stored]
    problems += [f"stored, and not on the chain or more than once: {row}" for row in stored - due]
    return problems


def _stored(picture: Picture) -> Iterator[tuple[Any, ...]]:
    for row in picture.of("transactions"):
        if row["finality"] != "orphaned":
            for moved in row["movements"]:
                contract, both = (moved["contract"] or "").lower(), (moved["from_address"].lower(), moved["to_address"].lower())
                yield row["org_id"], row["hash"], row["block_hash"], moved["kind"], contract, *both, int(moved["raw_amount"])


def _due(picture: Picture) -> Iterator[tuple[Any, ...]]:
    """By the chain: from the block after its opening on, everything in which a wallet takes part, for its organisation."""
    begins: dict[str, dict[str, int]] = defaultdict(dict)
    for row in picture.of("wallets"):
        if row["opened_at_height"] is not None:
            begins[row["org_id"]][row["address"].lower()] = row["opened_at_height"] + 1
    for block in picture.blocks:
        for sent in block.sent:
            for org, own in begins.items():
                since = {address for address, first in own.items() if first <= block.number}
                for kind, contract, sender, to, units in _moves(sent):
                    if {sender, to} & since and (kind != "gas" or sender in since):
                        yield org, sent.hash, block.hash, kind, contract, sender, to, units


def _moves(sent: Sent) -> Iterator[tuple[str, str, str, str, int]]:
    if sent.done and sent.value:
        yield "native", "", sent.sender, sent.to, sent.value
    for contract, sender, to, units in sent.transfers:
        yield "erc20", contract, sender, to, units
    yield "gas", "", sent.sender, NOWHERE, sent.fee


# ---- walls and keys --------------------------------------------------------------------------------------------------------------


def i9_nothing_crosses_organisations(picture: Picture) -> list[str]:
    """The string of an organisation is in no row, frame, log line or key of another one."""
    problems = [f"{where} holds what is {org}'s" for where, org in picture.strings_found]
    for org, canary in picture.canaries.items():
        problems += [
            f"a console of {heard.org_id} was sent what is {org}'s"
            for heard in picture.heard
            if heard.org_id != org and any(canary in text for text in heard.texts)
        ]
        for collection, rows in picture.rows.items():
            for row in rows:
                owner = row.get("org_id", row["_id"])
                if owner != org and canary in repr(row):
                    problems.append(f"{collection} {row['_id']} of {owner} holds what is {org}'s")
    return problems


def i10_the_key_is_nowhere(picture: Picture) -> list[str]:
    """A key that was given in is in no log, no file of the database, no row, not in Valkey, not in the folder for temporary files, and not in the
    memory of a process that has no business with keys."""
    return [f"a key is in {where}" for where in picture.keys_found]


# ---- afterwards ------------------------------------------------------------------------------------------------------------------


def i11_everything_goes_on(picture: Picture) -> list[str]:
    """API and payments were back in time, and no payment is stuck without being looked at or without a reason."""
    problems = list(picture.late)
    for row in picture.of("payments"):
        if row["state"] not in ENDED and (row["due_at"] is None or not (row["reason"] or row["holds"])):
            problems.append(f"{row['_id']} is {row['state']}, and nobody looks at it" if row["due_at"] is None else f"{row['_id']} has no reason")
        if "needs_human" in row["holds"]:
            problems.append(f"{row['_id']} waits for a person: {row['reason']}")
    return problems


def i12_nothing_is_left_behind(picture: Picture) -> list[str]:
    """No process, lease, heartbeat, lock or temporary file of somebody who is dead."""
    now, problems = datetime.now(UTC), list(picture.left)
    held = [row for row in picture.of("leases") if row["expires_at"] > now]
    problems += [f"lease {row['_id']} is held by {row['holder']}, which is dead" for row in held if pid_of(row["holder"]) not in picture.alive]
    dead = [row["_id"] for row in picture.of("process_presence") if pid_of(row["_id"]) not in picture.alive]
    return problems + [f"{name} is dead, and its sessions live" for name in dead]


def pid_of(name: str) -> int:
    """Out of `<host>|<space>|<number>|<start>…`, as processes call themselves."""
    parts = name.split("|")
    return int(parts[2]) if len(parts) > 3 and parts[2].isdigit() else -1


INVARIANTS: Mapping[str, Callable[[Picture], list[str]]] = {
    "I1": i1_paid_at_most_once,
    "I2": i2_everything_sent_is_written_down,
    "I3": i3_books_balance,
    "I4": i4_books_are_the_chain,
    "I5": i5_answers_hold,
    "I6": i6_seals_hold,
    "I7": i7_consoles_have_heard_the_log,
    "I8": i8_the_chain_is_covered,
    "I9": i9_nothing_crosses_organisations,
    "I10": i10_the_key_is_nowhere,
    "I11": i11_everything_goes_on,
    "I12": i12_nothing_is_left_behind,
}


def check(picture: Picture, names: Iterable[str] = tuple(INVARIANTS)) -> list[str]:
    return [f"{name}: {problem}" for name in names for problem in INVARIANTS[name](picture)]


def _decimal(value: Any) -> Decimal:
    """Of what MongoDB keeps as Decimal128."""
    if value is None:
        return Decimal(0)
    return value.to_decimal() if hasattr(value, "to_decimal") else Decimal(value)

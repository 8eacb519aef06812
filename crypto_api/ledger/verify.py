"""Verifies an export of a ledger's seals without Coffer, a database or a network:

    python -m crypto_api.ledger.verify FILE [--head SEQ:HASH] [--balances]

This file needs Python's standard library alone and can be copied out. It shares no code with what wrote the seals, on purpose. FILE is what
`GET /api/ledger/seals/export/` gives: JSON, one object a line. The first says what it is, the last how it ends; each between them is a seal:

    {"seq": 1, "prev": "00…", "hash": "ab…", "content": "{…}"}      hash = SHA-256(prev|seq|content), all as UTF-8 text

`--head` is a head that somebody noted down earlier: the chain must go through it. The first line may name `anchors`, transactions on a chain whose
input holds the hash of a seal: the chain must go through those too, and each is named, to be looked up in any block explorer, since only there it
proves anything. Exit code 0 when everything agrees, else 1, with the first bad line.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Iterator
from decimal import Context, Decimal, Inexact, InvalidOperation
from pathlib import Path
from typing import Any, TextIO

FORMAT = "coffer-ledger-seals-1"
_EXACT = Context(prec=200, traps=[Inexact, InvalidOperation])
_ZERO = Decimal(0)
_ANCHOR = {"seq": int, "hash": str, "network": str, "chain_id": int, "transaction_hash": str, "block_number": int}


class Broken(Exception):
    """The first thing that does not agree."""

    def __init__(self, line: int, entry: str, detail: str) -> None:
        super().__init__(f"line {line}{f', entry {entry}' if entry else ''}: {detail}")


class Chain:
    """What was read so far."""

    def __init__(self) -> None:
        self.seq, self.hash = 0, "0" * 64
        self.entries: dict[str, list[tuple[Any, ...]]] = {}  # lines, for the mirrors
        self.reversed: dict[str, str] = {}
        self.sources: set[tuple[str, str, str]] = set()
        self.balances: dict[str, list[Decimal]] = {}
        self.anchors: list[dict[str, Any]] = []

    def begin(self, row: dict[str, Any]) -> None:
        """The first line."""
        if row.get("format") != FORMAT:
            raise Broken(1, "", f"is not an export of seals ({FORMAT})")
        anchors = row.get("anchors", [])
        for anchor in anchors if isinstance(anchors, list) else [None]:
            if not isinstance(anchor, dict) or any(not isinstance(anchor.get(name), kind) for name, kind in _ANCHOR.items()):
                raise Broken(1, "", "names an anchor that is none")
            self.anchors.append(anchor)

    def take(self, number: int, seal: dict[str, Any]) -> None:
        content = str(seal.get("content", ""))
        entry = _object(number, content, "the content of the seal")
        name = str(entry.get("id", ""))
        if seal.get("seq") != self.seq + 1:
            raise Broken(number, name, f"the seal {self.seq + 1} is missing: this one is {seal.get('seq')}")
        if seal.get("prev") != self.hash:
            raise Broken(number, name, "the seal does not follow from the one before it")
        digest = hashlib.sha256(f"{self.hash}|{self.seq + 1}|{content}".encode()).hexdigest()
        if seal.get("hash") != digest:
            raise Broken(number, name, "the entry or its seal is not what was sealed")
        self._entry(number, name, entry)
        self.seq, self.hash = self.seq + 1, digest
        for anchor in self.anchors:
            if anchor["seq"] == self.seq and anchor["hash"] != digest:
                raise Broken(number, name, f"the chain is another one at the seal that transaction {anchor['transaction_hash']} anchors")

    def _entry(self, number: int, name: str, entry: dict[str, Any]) -> None:
        try:
            lines = [
                (
                    *(line[key] for key in ("account_code", "wallet_id", "asset")),
                    Decimal(line["debit"]),
                    Decimal(line["credit"]),
                    Decimal(line["quantity"] or 0),
                )
                for line in entry["lines"]
            ]
            source = tuple(str(entry["source"][key]) for key in ("kind", "id", "purpose"))
            debit, credit = (_sum(line[column] for line in lines) for column in (3, 4))
            totals = Decimal(entry["total_debit"]), Decimal(entry["total_credit"])
        except (KeyError, TypeError, ValueError, ArithmeticError) as error:
            raise Broken(number, name, f"is no journal entry ({type(error).__name__})") from None
        if not name or name in self.entries:
            raise Broken(number, name, "is sealed twice")
        if source in self.sources:
            raise Broken(number, name, f"the source {'/'.join(source)} is posted twice")
        if len(lines) < 2 or debit != credit or totals != (debit, credit) or any(line[3] < 0 or line[4] < 0 for line in lines):
            raise Broken(number, name, f"does not balance: debit {debit}, credit {credit}")
        self._mirror(number, name, entry.get("reverses"), lines)
        self.entries[name] = lines
        self.sources.add(source)  # type: ignore[arg-type]
        for line in lines:
            both = self.balances.setdefault(str(line[0]), [_ZERO, _ZERO])
            both[0], both[1] = _EXACT.add(both[0], line[3]), _EXACT.add(both[1], line[4])

    def _mirror(self, number: int, name: str, reverses: object, lines: list[tuple[Any, ...]]) -> None:
        """A mirror is sealed after what it takes back, once, and takes back exactly that."""
        if reverses is None:
            return
        first = self.entries.get(str(reverses))
        if first is None:
            raise Broken(number, name, f"reverses {reverses}, which is not sealed before it")
        if str(reverses) in self.reversed:
            raise Broken(number, name, f"reverses {reverses}, which {self.reversed[str(reverses)]} has reversed already")
        if sorted(map(repr, lines)) != sorted(repr((*line[:3], line[4], line[3], _negated(line[5]))) for line in first):
            raise Broken(number, name, f"does not mirror {reverses}")
        self.reversed[str(reverses)] = name


def verify(file: TextIO, noted: tuple[int, str] | None = None) -> Chain:
    """Broken at the first line that does not agree."""
    chain, ended, number, seen = Chain(), False, 0, noted is None
    for number, row in _rows(file):
        if number == 1:
            chain.begin(row)
        elif ended:
            raise Broken(number, "", "stands behind the end")
        elif "seals" in row:
            if (row["seals"], row.get("head")) != (chain.seq, chain.hash):
                raise Broken(number, "", "the end says something else than what is there")
            ended = True
        else:
            chain.take(number, row)
            if noted is not None and chain.seq == noted[0]:
                if chain.hash != noted[1]:
                    raise Broken(number, "", "the chain is another one at the head that was noted down")
                seen = True
    if not ended:
        raise Broken(number + 1, "", "the file ends early")
    for anchor in chain.anchors:
        if not 0 < anchor["seq"] <= chain.seq:
            raise Broken(number, "", f"the chain ends before the seal that transaction {anchor['transaction_hash']} anchors")
    if not seen:
        raise Broken(number, "", "the chain ends before the head that was noted down")
    return chain


def _rows(file: TextIO) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, text in enumerate(file, start=1):
        if text.strip():
            yield number, _object(number, text, "the line")


def _object(number: int, text: str, what: str) -> dict[str, Any]:
    try:
        row = json.loads(text)
    except ValueError:
        row = None
    if not isinstance(row, dict):
        raise Broken(number, "", f"{what} is no JSON object")
    return row


def _sum(values: Iterator[Decimal]) -> Decimal:
    total = _ZERO
    for value in values:
        total = _EXACT.add(total, value)
    return total


def _negated(value: Decimal) -> Decimal:
    return value.copy_negate() if value else value


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m crypto_api.ledger.verify", description="Verifies an export of a ledger's seals.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--head", help="SEQ:HASH that was noted down earlier")
    parser.add_argument("--balances", action="store_true", help="print debit and credit of every account")
    given = parser.parse_args(arguments)
    noted = None
    if given.head:
        seq, _, digest = given.head.partition(":")
        if not seq.isdecimal() or len(digest) != 64:
            parser.error("--head must be SEQ:HASH")
        noted = (int(seq), digest)
    try:
        with given.file.open(encoding="utf-8") as file:
            chain = verify(file, noted)
    except (Broken, OSError, UnicodeDecodeError) as problem:
        sys.stdout.write(f"NOT in order: {problem}\n")
        return 1
    sys.stdout.write(f"in order: {chain.seq} entries, {len(chain.reversed)} of them reversed; head {chain.seq}:{chain.hash}\n")
    for anchor in chain.anchors:
        where = "on {network} (chain {chain_id}), block {block_number}".format_map(anchor)
        sys.stdout.write(f"anchored up to {anchor['seq']}: look up transaction {anchor['transaction_hash']} {where}; ")
        sys.stdout.write(f"its input must hold {anchor['hash']}\n")
    for code, (debit, credit) in sorted(chain.balances.items()) if given.balances else ():
        sys.stdout.write(f"{code}\t{debit:f}\t{credit:f}\t{_EXACT.subtract(debit, credit):f}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

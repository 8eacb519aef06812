"""The mutants of the walls: one place each where somebody could forget something, found in the source by its syntax tree.

(a) an organisation that drops out of a query, (b) an operation, page or console that asks for less than it should, (c) a check that lets
everybody through, a session or secret that counts although it has ended.
"""

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

FILTER_KEYS = {"org_id", "user_id", "session_id", "ended_at", "expires_at", "retired_at", "suspended_at", "purpose", "token_hash", "email", "state"}
"""Conditions of a query on which a wall rests."""

NO_QUERY = {"$set", "$setOnInsert", "$unset", "$inc", "$push", "$pull"}

REFUSALS = {
    "AccountSuspended", "AdminsOnly", "AlreadyDecided", "AlreadyInvited", "BeyondYourLimit", "CallRefused", "EmailNotVerified",
    "InvalidCredentials", "InvalidOtp", "InvalidPasskey", "InvalidSignature", "InvalidToken", "ItemClosed", "LastAdmin", "LastWayIn",
    "NotAtRest", "NotFinalYet", "NotFound", "NotFrozen", "NotStopped", "NotYourTeam", "OperatorStaysOutside", "OtherAddress", "OtherIntakeKey",
    "OtpRequired", "OverLimit", "OwnEntry", "OwnPayment", "OwnProposal", "OwnRecord", "ParcelBroken", "PasskeyRefused", "PayeeRemoved",
    "PayloadChanged", "PermissionDenied", "ProposalWaits", "Refused", "RoleBeyondYours", "SealBroken", "SessionNotApproved", "SignatureRefused",
    "SignatureRequired", "SigningRefused", "Suspended", "Unauthenticated", "VaultFault", "WrongState",
}  # fmt: skip
"""`if …: raise` of one of these is a check that may be forgotten."""

REFUSING = {"to_log_in", "_go", "render"}  # what a page answers to whoever may not see it
ALWAYS = {
    "denied_in": "return None",
    "permissions_of": "return GRANTABLE",
    "permissions_in": "return GRANTABLE",
    "is_approved": "return True",
    "require_approval": "return None",
    "require_standing": "return None",
    "origin_allowed": "return True",
    "matches": "return True",
    "signed_by_key": "return True",
    "check_gift": "return None",
    "check_take": "return None",
    "_refusal": "return None",
    "_still_belongs": "return True",
    "sees": "return True",
    "governs": "return True",
    "shows": "return True",
    "may_become": "return True",
}
"""Functions that decide, and what each says when it decides nothing."""

DECIDING = {
    "crypto_api/address_book/rules.py", "crypto_api/flows/decide_payment.py", "crypto_api/flows/judge_payment.py",
    "crypto_api/flows/keep_address_book.py", "crypto_api/flows/prepare_payment.py", "crypto_api/flows/prepare_wanted.py",
    "crypto_api/flows/signing_decision.py", "crypto_api/policies/rules.py", "signer/desk.py", "signer/operations.py", "signer/uses.py",
}  # fmt: skip
"""Files that are walls from end to end: every `if` that ends in a refusal, a sentence that says no, False or None is one, and so is each of the
reasons that stand side by side in it."""

LESS = ("Denied.", "Principal(session.user_id, None, None")
"""What a decision about rights gives to whoever has none at the moment."""

SIGNED_IN = '__import__("crypto_api.http.permissions", fromlist=["x"]).signed_in'
PERSONAL = '__import__("crypto_api.dashboard.access", fromlist=["x"]).personal'


_FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)
_NAMED = (*_FUNCTION, ast.ClassDef)


@dataclass(frozen=True)
class Edit:
    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Mutant:
    area: str  # query | access | check
    file: str  # from the root
    line: int
    function: str
    what: str
    edits: tuple[Edit, ...]
    around: str = ""  # what stands around it, hashed
    nth: int = 1  # of those that are called the same

    @property
    def name(self) -> str:
        return f"{self.file}:{self.line} {self.function}: {self.what}"

    @property
    def place(self) -> str:
        return f"{self.file}:{self.function}"

    @property
    def key(self) -> str:
        """The same while the function is the same, wherever it stands."""
        return f"{self.file} {self.function}: {self.what} #{self.nth} {self.around}"

    def source(self, root: Path = ROOT) -> str:
        text = (root / self.file).read_bytes()
        for edit in sorted(self.edits, key=lambda edit: -edit.start):
            text = text[: edit.start] + edit.text.encode() + text[edit.end :]
        return text.decode()


class Source:
    """One file with its tree, and positions in it as offsets."""

    def __init__(self, path: Path, root: Path = ROOT) -> None:
        self.file = str(path.relative_to(root))
        self.bytes = path.read_bytes()
        self.tree = ast.parse(self.bytes)
        self._starts = [0]
        for line in self.bytes.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))
        self.inside: dict[ast.AST, str] = {}
        self.parent: dict[ast.AST, ast.AST] = {}
        self._walk(self.tree, "module")

    def _walk(self, node: ast.AST, function: str) -> None:
        for child in ast.iter_child_nodes(node):
            named = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
            self.parent[child] = node
            self.inside[child] = function if not named else child.name if function == "module" else function
            self._walk(child, self.inside[child] if named else function)

    def span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self._starts[node.lineno - 1] + node.col_offset, self._starts[node.end_lineno - 1] + node.end_col_offset

    def replaced(self, node: ast.expr | ast.stmt, text: str) -> Edit:
        return Edit(*self.span(node), text)

    def text(self, node: ast.expr | ast.stmt) -> str:
        start, end = self.span(node)
        return self.bytes[start:end].decode()

    def mutant(self, area: str, node: ast.expr | ast.stmt, function: str, what: str, *edits: Edit) -> Mutant:
        return Mutant(area, self.file, node.lineno, function, what, edits, sha256(self._around(node).encode()).hexdigest()[:12])

    def _around(self, node: ast.AST) -> str:
        """The outermost function, or else the class."""
        found: ast.AST | None = node if isinstance(node, _NAMED) else None
        while (node := self.parent.get(node, self.tree)) is not self.tree:
            if isinstance(node, _FUNCTION) or (isinstance(node, ast.ClassDef) and not isinstance(found, _FUNCTION)):
                found = node
        return ast.unparse(found) if found is not None else ""


def mutants(root: Path = ROOT) -> list[Mutant]:
    found: list[Mutant] = []
    for path in sorted(path for name in ("crypto_api", "signer") for path in (root / name).rglob("*.py")):
        source = Source(path, root)
        found += _queries(source)
        found += _conditions(source)
        found += _access(source)
        found += _checks(source)
        if source.file in DECIDING:
            found += _decisions(source)
    counted: Counter[str] = Counter()
    rows = []
    for mutant in sorted(set(found), key=lambda mutant: (mutant.area, mutant.file, mutant.line, mutant.what, mutant.edits[0].start)):
        counted[mutant.key] += 1
        rows.append(replace(mutant, nth=counted[mutant.key]))
    return rows


def _queries(source: Source) -> Iterator[Mutant]:
    """(a) and the conditions of (c): a key dropped from the filter of a query."""
    if not (source.file.endswith("store.py") or "/reports/" in source.file or source.file.endswith("watch_list.py")):
        return
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.Dict) or _is_change(source, node):
            continue
        for key, value in zip(node.keys, node.values, strict=True):
            asked_for = isinstance(value, ast.Constant) and value.value == 1  # what is to be read of a row, no condition
            if isinstance(key, ast.Constant) and key.value in FILTER_KEYS and not asked_for:
                yield source.mutant("query", key, source.inside[node], f"without {key.value} in its filter", _without(source, node, key, value))


def _conditions(source: Source) -> Iterator[Mutant]:
    """The same, where a row is found by its id and then asked: `return row if row and row.ended_at is None else None`."""
    if not source.file.endswith("store.py"):
        return
    for node in ast.walk(source.tree):
        match node:
            case ast.IfExp(test=ast.BoolOp(op=ast.And(), values=conditions), orelse=ast.Constant(value=None)):
                for condition in conditions:
                    match condition:
                        case ast.Compare(left=ast.Attribute(attr=asked)) if asked in FILTER_KEYS:
                            told = f"without {asked} asked of the row"
                            yield source.mutant("query", condition, source.inside[node], told, source.replaced(condition, "True"))


def _is_change(source: Source, node: ast.AST) -> bool:
    """Whether it is what is written, not what is looked for: inside an operator that writes, or called `changes`."""
    match source.parent.get(node):
        case ast.Assign(targets=[ast.Name(id="changes")]) | ast.AnnAssign(target=ast.Name(id="changes")):
            return True
    above: ast.AST = node
    while (above := source.parent.get(above, source.tree)) is not source.tree:
        if isinstance(above, ast.Dict) and any(isinstance(key, ast.Constant) and key.value in NO_QUERY for key in above.keys):
            return True
        if isinstance(above, ast.stmt):
            return False
    return False


def _without(source: Source, node: ast.Dict, key: ast.expr, value: ast.expr) -> Edit:
    """Up to the next key; the last one takes the comma before it along."""
    index = node.values.index(value)
    start, end = source.span(key)[0], source.span(value)[1]
    if index + 1 < len(node.values):
        named, following = node.keys[index + 1], node.values[index + 1]
        end = source.span(named)[0] if named is not None else source.bytes.rfind(b"**", end, source.span(following)[0])
    elif index > 0:
        start = source.span(node.values[index - 1])[1]
    return Edit(start, end, "")


def _access(source: Source) -> Iterator[Mutant]:
    """(b) Decorators of operations and pages, permissions of consoles."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _decorators(source, node)
        if isinstance(node, ast.ClassDef) and "/sockets/" in source.file:
            for statement in node.body:
                if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name) and statement.targets[0].id == "permission":
                    yield source.mutant("access", statement, node.name, "for every member", source.replaced(statement.value, "None"))


def _decorators(source: Source, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[Mutant]:
    for decorator in node.decorator_list:
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        name = called.id if isinstance(called, ast.Name) else ""
        removed = Edit(source.span(decorator)[0] - 1, source.span(decorator)[1], "")
        match name:
            case "requires":
                yield source.mutant("access", decorator, node.name, "for whoever is logged in", source.replaced(decorator, SIGNED_IN))
                yield source.mutant("access", decorator, node.name, "without its permission", removed)
            case "signed_in":
                open_ = source.replaced(decorator, SIGNED_IN.replace(".signed_in", ".open_to_all"))
                yield source.mutant("access", decorator, node.name, "for everybody", open_, *_without_token(source, node))
            case "approved":
                yield source.mutant("access", decorator, node.name, "without its step-up", removed)
            case "page":
                weaker = source.replaced(decorator, source.text(decorator).split("(")[0] + "(Permission.ORGANIZATION_READ)")
                if "ORGANIZATION_READ" not in source.text(decorator):
                    yield source.mutant("access", decorator, node.name, "for nearly every member", weaker)
            case "platform_page":
                yield source.mutant("access", decorator, node.name, "for whoever is logged in", source.replaced(decorator, PERSONAL))


def _without_token(source: Source, node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[Edit]:
    """`auth=None` at the router's decorator."""
    router = next((row for row in node.decorator_list if isinstance(row, ast.Call) and isinstance(row.func, ast.Attribute)), None)
    if router is None or any(keyword.arg == "auth" for keyword in router.keywords):
        return []
    at = source.span(router.args[0])[1]
    return [Edit(at, at, ", auth=None")]


def _checks(source: Source) -> Iterator[Mutant]:
    """(c) What decides lets everybody through."""
    for node in ast.walk(source.tree):
        match node:
            case ast.Call(func=ast.Attribute(attr="may")):
                yield source.mutant("check", node, source.inside[node], f"{source.text(node)} is always true", source.replaced(node, "True"))
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) if name in ALWAYS:
                body = next(row for row in node.body if not (isinstance(row, ast.Expr) and isinstance(row.value, ast.Constant)))
                at = source.span(body)[0]
                yield source.mutant("check", node, name, f"decides nothing: {ALWAYS[name]}", Edit(at, at, f"{ALWAYS[name]}\n{' ' * body.col_offset}"))
            case ast.BinOp(op=ast.BitAnd(), right=ast.Name(id="GRANTABLE")):
                yield source.mutant("check", node, source.inside[node], "platform permissions stay in", source.replaced(node, source.text(node.left)))
            case ast.If() if refused := _refuses(node):
                yield source.mutant(
                    "check",
                    node,
                    source.inside[node],
                    f"never refuses: if {source.text(node.test)}: {refused}"[:150],
                    source.replaced(node.test, "False"),
                )
            case ast.IfExp(test=test, body=ast.Call()) if isinstance(node.body, ast.Call) and _called(node.body) in REFUSING:
                yield source.mutant("check", node, source.inside[node], f"never sends away: {source.text(test)}", source.replaced(test, "False"))


def _decisions(source: Source) -> Iterator[Mutant]:
    """(c) where every reason counts: an `if` that says no and never does, and one reason of several that is forgotten."""
    for node in ast.walk(source.tree):
        match node:
            case ast.If() if (no := _says_no(node)) and "sys.platform" not in source.text(node.test):
                function, told = source.inside[node], f"if {source.text(node.test)}: {no}"[:150]
                if not _refuses(node):
                    yield source.mutant("check", node, function, f"never says no: {told}", source.replaced(node.test, "False"))
                if isinstance(node.test, ast.BoolOp) and isinstance(node.test.op, ast.Or):
                    yield from _each_forgotten(source, node.test)
            case ast.Return(value=ast.BoolOp(op=ast.Or()) as reasons):
                yield from _each_forgotten(source, reasons)


def _each_forgotten(source: Source, reasons: ast.BoolOp) -> Iterator[Mutant]:
    """But for `… is None`, which only keeps the next one from failing."""
    for reason in reasons.values:
        if not ast.unparse(reason).endswith("is None"):
            told = f"forgets: {source.text(reason)}"[:150]
            yield source.mutant("check", reason, source.inside[reasons], told, source.replaced(reason, "False"))


def _says_no(node: ast.If) -> str:
    match node.body[-1]:
        case ast.Raise(exc=ast.expr() as error):
            return f"raise {ast.unparse(error)}"[:60]
        case ast.Return(value=None | ast.Constant(value=False | None | str()) | ast.JoinedStr() | ast.Dict()) | ast.Continue():
            return ast.unparse(node.body[-1])[:60]
    return ""


def _refuses(node: ast.If) -> str:
    first = node.body[-1]
    if isinstance(first, ast.Raise) and first.exc is not None:
        name = _called(first.exc) if isinstance(first.exc, ast.Call) else first.exc.id if isinstance(first.exc, ast.Name) else ""
        return f"raise {name}" if name in REFUSALS else ""
    if isinstance(first, ast.Return) and isinstance(first.value, ast.Call) and _called(first.value) in REFUSING - {"render"}:
        return f"return {_called(first.value)}(…)"
    if isinstance(first, ast.Return) and isinstance(first.value, ast.Attribute | ast.Call) and ast.unparse(first.value).startswith(LESS):
        return f"return {ast.unparse(first.value)}"[:60]
    return ""


def _called(node: ast.Call) -> str:
    match node.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""

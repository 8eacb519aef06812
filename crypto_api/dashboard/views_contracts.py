"""Contracts: list, register, what stands at an address, its functions as forms, its source and whether it is verified."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_noop

from crypto_api.contracts import service as contracts
from crypto_api.contracts import store
from crypto_api.contracts.documents import Contract, ContractVerification
from crypto_api.contracts.types import ContractChanges, Hop, NewContract, ProxyKind, VerificationRequest, VerificationState
from crypto_api.dashboard import number_formats
from crypto_api.dashboard.access import Visit, page
from crypto_api.dashboard.context import rows_wanted
from crypto_api.dashboard.contract_forms import arguments_of, forms_of, shown
from crypto_api.dashboard.forms import Form, only_post, version_of
from crypto_api.dashboard.payment_desk import desk_of
from crypto_api.dashboard.rows import links_of
from crypto_api.dashboard.step_up import confirmation
from crypto_api.dashboard.translation import gettext
from crypto_api.flows.call_contract import call_contract, function_of
from crypto_api.flows.register_contract import chain_of, refresh_contract, register_contract
from crypto_api.flows.verify_contract import ask_verification
from crypto_api.flows.write_to_contract import Writing, write_to_contract
from crypto_api.identity.errors import SessionNotApproved
from crypto_api.identity.types import Purpose
from crypto_api.kit.errors import CoreError, InvalidInput, PreconditionFailed
from crypto_api.kit.ids import new_id
from crypto_api.kit.paging import PageRequest
from crypto_api.organizations.types import Permission
from crypto_api.payments.types import Origin
from crypto_api.wallets import store as wallets
from crypto_api.wallets.documents import Wallet, WalletType
from mongodb_config.pages import contains

NAME_MAX = 80
TEXT_MAX = 100
KIND_NAMES = {
    ProxyKind.EIP1167: gettext_noop("Minimal proxy"),
    ProxyKind.EIP1167_WITH_ARGUMENTS: gettext_noop("Minimal proxy with arguments"),
    ProxyKind.EIP1967: gettext_noop("Proxy"),
    ProxyKind.EIP1967_BEACON: gettext_noop("Beacon proxy"),
    ProxyKind.EIP1822: gettext_noop("Proxy (EIP-1822)"),
    ProxyKind.ZEPPELINOS: gettext_noop("Proxy (early OpenZeppelin)"),
    ProxyKind.EIP7702: gettext_noop("Account with code"),
}
STANDARDS = {
    ProxyKind.EIP1167: gettext_noop("EIP-1167, for good"),
    ProxyKind.EIP1167_WITH_ARGUMENTS: gettext_noop("EIP-1167, for good"),
    ProxyKind.EIP1967: gettext_noop("EIP-1967, can be changed"),
    ProxyKind.EIP1967_BEACON: gettext_noop("EIP-1967"),
    ProxyKind.EIP1822: gettext_noop("EIP-1822, can be changed"),
    ProxyKind.ZEPPELINOS: gettext_noop("Slot of ZeppelinOS, can be changed"),
    ProxyKind.EIP7702: gettext_noop("EIP-7702, can be changed"),
}
PROBLEMS = {
    "no_code": gettext_noop("There is no contract where this proxy points: calling it does nothing useful."),
    "cycle": gettext_noop("This proxy points back at itself: calling it never comes to an end."),
    "too_deep": gettext_noop("There are too many proxies in front of one another to follow them."),
    "beacon_silent": gettext_noop("The beacon of this proxy does not say where the code is."),
}
FLASHES = {
    "registered": gettext_noop("The contract was registered."),
    "saved": gettext_noop("Saved."),
    "read": gettext_noop("Read from the chain again."),
    "asked": gettext_noop("The source is being compiled. What comes of it appears here by itself."),
}
CHANGED = gettext_noop("Somebody else has changed this meanwhile. What stands there now was loaded; look at it and save again.")
EVM_VERSIONS = ("", "osaka", "prague", "cancun", "shanghai", "paris", "london", "berlin", "istanbul", "petersburg", "constantinople", "byzantium")
SINGLE_FILE = "Contract.sol"
VERIFY_FIELDS = (
    *("compiler_version", "contract_name", "source", "optimizer", "runs", "evm_version", "via_ir"),
    *("constructor_arguments", "creation_transaction"),
)


@dataclass(frozen=True, slots=True)
class Row:
    contract: Contract
    network_name: str
    link: str

    @property
    def kind(self) -> str:
        return gettext(KIND_NAMES[self.contract.hops[0].kind] if self.contract.hops else "Contract")

    @property
    def hops(self) -> list[tuple[str, Hop]]:
        return [(gettext(STANDARDS[hop.kind]), hop) for hop in self.contract.hops]

    @property
    def problem(self) -> str:
        return gettext(PROBLEMS.get(self.contract.problem or "", ""))

    @property
    def verified_says(self) -> str:
        """Of the code that stands there now."""
        verified = self.contract.verified
        if verified is None:
            return ""
        return "outdated" if verified.code_hash != self.contract.code_hash else verified.match.value


# ---- the list --------------------------------------------------------------------------------------------------------------------


@page(Permission.CONTRACTS_READ)
async def list_page(visit: Visit) -> HttpResponse:
    return visit.render("contracts/list.html", await _rows(visit) | {"flash": _flash(visit)})


@page(Permission.CONTRACTS_READ)
async def rows_fragment(visit: Visit) -> HttpResponse:
    return visit.render("contracts/rows.html", await _rows(visit))


async def _rows(visit: Visit) -> dict[str, object]:
    q = visit.request.GET.get("q", "").strip()[:TEXT_MAX]
    where: dict[str, Any] = {"$or": [{"name": contains(q)}, {"address": contains(q)}, {"implementation": contains(q)}]} if q else {}
    wanted = PageRequest(limit=rows_wanted(visit.request), cursor=visit.request.GET.get("cursor") or None)
    try:
        found = await store.page(visit.org_id, where, wanted)
    except InvalidInput as error:
        raise Http404 from error
    return {
        "rows": [_row(visit, contract) for contract in found.items],
        "next_cursor": found.next_cursor,
        "first_page": wanted.cursor is None,
        "q": q,
        "query_string": urlencode({"q": q}) if q else "",
        "may_write": visit.may(Permission.CONTRACTS_WRITE),
    }


def _row(visit: Visit, contract: Contract) -> Row:
    network = visit.runtime.networks.get(contract.network)
    link = links_of(visit.runtime.networks, contract.network).address(contract.address)
    return Row(contract, network.name if network else contract.network, link)


# ---- registering and changing ----------------------------------------------------------------------------------------------------


@page(Permission.CONTRACTS_WRITE)
async def register_page(visit: Visit) -> HttpResponse:
    form = Form(visit.request, "address", "network", "name", "abi")
    if visit.request.method != "POST":
        form.given["network"] = next(iter(visit.runtime.networks), "")
        return _register_form(visit, form)
    form.one_of("network", visit.runtime.networks.keys())
    form.line("name", most=NAME_MAX, needed=False)
    if not form["address"]:
        form.wrong("address", "is needed")
    if form.errors:
        return _register_form(visit, form, status=422)
    new = NewContract(form["address"], form["network"], form["name"], form["abi"] or None)
    runtime = visit.runtime
    try:
        contract = await register_contract(runtime.uow, runtime.clock, runtime.networks, runtime.rpc, visit.org_id, visit.principal.user_id, new)
    except InvalidInput as error:
        return _register_form(visit, form, problem=form.refused(_at_abi(error), ("address", "network", "name", "abi")), status=422)
    except CoreError as error:
        return _register_form(visit, form, problem=gettext(error.detail), status=error.status)
    return _to(contract.id, "registered")


def _at_abi(error: InvalidInput) -> InvalidInput:
    """`abi.3.name` belongs to the field `abi`; the place goes into the message."""
    rows = [row if "." not in row.field else type(row)(row.field.split(".")[0], f"({row.field}) {row.message}", row.code) for row in error.errors]
    return InvalidInput(*rows)


def _register_form(visit: Visit, form: Form, *, problem: str = "", status: int = 200) -> HttpResponse:
    values = {"given": form.given, "errors": form.errors, "problem": problem, "networks": list(visit.runtime.networks.values())}
    return visit.render("contracts/register.html", values, status=status)


@page(Permission.CONTRACTS_WRITE)
async def edit_page(visit: Visit, contract_id: str) -> HttpResponse:
    contract = await _contract(visit, contract_id)
    form = Form(visit.request, "name", "abi")
    text = (await store.texts(visit.org_id, [contract.id])).get(contract.id)
    if visit.request.method != "POST":
        form.given = {"name": contract.name, "abi": text.abi if text else ""}
        return _edit_form(visit, contract, form)
    form.line("name", most=NAME_MAX)
    if form.errors:
        return _edit_form(visit, contract, form, status=422)
    given = form["abi"] if text is None or form["abi"] != text.abi else None
    changes = ContractChanges(form["name"] if form["name"] != contract.name else None, given)
    try:
        await contracts.update(visit.runtime.uow, contract, changes, version_of(visit.request), visit.runtime.clock.now())
    except InvalidInput as error:
        return _edit_form(visit, contract, form, problem=form.refused(_at_abi(error), ("name", "abi")), status=422)
    except PreconditionFailed:
        return _edit_form(visit, await _contract(visit, contract_id), form, problem=gettext(CHANGED), status=409)
    return _to(contract.id, "saved")


def _edit_form(visit: Visit, contract: Contract, form: Form, *, problem: str = "", status: int = 200) -> HttpResponse:
    values = {"row": _row(visit, contract), "given": form.given, "errors": form.errors, "problem": problem}
    return visit.render("contracts/edit.html", values, status=status)


@page(Permission.CONTRACTS_WRITE)
async def refresh(visit: Visit, contract_id: str) -> HttpResponse:
    only_post(visit.request)
    contract = await _contract(visit, contract_id)
    try:
        await refresh_contract(visit.runtime.uow, visit.runtime.clock, visit.runtime.rpc, contract)
    except CoreError as error:
        return visit.render("contracts/detail.html", await _detail(visit, contract) | {"warning": error.detail}, status=error.status)
    return _to(contract.id, "read")


# ---- one contract ----------------------------------------------------------------------------------------------------------------


@page(Permission.CONTRACTS_READ)
async def detail_page(visit: Visit, contract_id: str) -> HttpResponse:
    contract = await _contract(visit, contract_id)
    return visit.render("contracts/detail.html", await _detail(visit, contract) | {"flash": _flash(visit)})


@page(Permission.CONTRACTS_READ)
async def detail_fragment(visit: Visit, contract_id: str) -> HttpResponse:
    """Facts and verification; the forms of its functions stay as they are typed."""
    return visit.render("contracts/facts.html", await _detail(visit, await _contract(visit, contract_id)))


async def _detail(visit: Visit, contract: Contract) -> dict[str, object]:
    found = await contracts.callable_abi(contract)
    reads, writes = forms_of(found.abi) if found else ([], [])
    latest = await store.latest_verification(visit.org_id, contract.id)
    verified = await store.verification(visit.org_id, contract.verified.verification_id) if contract.verified else None
    text = (await store.texts(visit.org_id, [contract.id])).get(contract.id)
    payers = await _payers(visit, contract) if writes and visit.may(Permission.PAYMENTS_PREPARE) else []
    return {
        "row": _row(visit, contract),
        "abi": found,
        "clashes": found.abi.clashes() if found else [],
        "reads": reads,
        "writes": writes,
        "latest": latest,
        "running": latest is not None and latest.state in (VerificationState.PENDING, VerificationState.RUNNING),
        "outcome": _outcome(latest),
        "sources": _files(verified, text.source if text else ""),
        "may_write": visit.may(Permission.CONTRACTS_WRITE),
        "may_pay": visit.may(Permission.PAYMENTS_PREPARE),
        "payers": payers,
        "coin": visit.runtime.networks[contract.network].native_asset if contract.network in visit.runtime.networks else "",
    }


def _outcome(latest: ContractVerification | None) -> list[tuple[str, list[tuple[str, str]]]]:
    """What a verification that matched has found out, in groups."""
    told = latest.outcome or {} if latest is not None and latest.state is VerificationState.MATCHED else {}
    groups = [
        (gettext("Constructor arguments"), [(f"{index + 1}", shown(value)) for index, value in enumerate(told.get("constructor_values") or [])]),
        (gettext("Immutables"), [(gettext("Variable %(key)s") % {"key": key}, value) for key, value in (told.get("immutables") or {}).items()]),
        (gettext("Libraries"), list((told.get("libraries") or {}).items())),
    ]
    return [(name, rows) for name, rows in groups if rows]


def _files(verified: ContractVerification | None, given: str) -> list[tuple[str, str]]:
    if verified is not None:
        return [(path, visible(file["content"])) for path, file in json.loads(verified.standard_json)["sources"].items()]
    return [(gettext("As it was given"), visible(given))] if given else []


def visible(text: str) -> str:
    """A source as it reads to the compiler: marks that turn or hide text stand as their codes, so that nothing looks like something else."""
    return "".join(mark if mark in "\n\t" or mark.isprintable() else f"⟨U+{ord(mark):04X}⟩" for mark in text.replace("\r\n", "\n"))


async def _payers(visit: Visit, contract: Contract) -> list[Wallet]:
    return [row for row in await wallets.active(visit.org_id) if row.network == contract.network and row.wallet_type is not WalletType.WATCH]


# ---- functions -------------------------------------------------------------------------------------------------------------------


@page(Permission.CONTRACTS_READ)
async def call_function(visit: Visit, contract_id: str) -> HttpResponse:
    """The answer of a read call, below its form. A refusal is an answer as well."""
    only_post(visit.request)
    contract = await _contract(visit, contract_id)
    values: dict[str, object] = {}
    try:
        abi, function = await function_of(contract, visit.request.POST.get("function", ""))
        if not function.reads:
            raise Http404
        chain = chain_of(visit.runtime.rpc, contract)
        found = await call_contract(chain, contract, abi, function, arguments_of(function, _given(visit)))
        outputs = [(part.name, part.type.canonical, shown(value)) for part, value in zip(function.outputs, found.values, strict=True)]
        values = {"outputs": outputs, "block": found.block}
    except CoreError as error:
        values = {"problem": _problem(error)}
    return visit.render("contracts/answer.html", values)


@page(Permission.CONTRACTS_READ)
async def write_function(visit: Visit, contract_id: str) -> HttpResponse:
    """A payment, to be looked at and approved where payments are. Whoever has not confirmed yet is asked to, and comes back to the contract."""
    only_post(visit.request)
    contract = await _contract(visit, contract_id)
    try:
        _, function = await function_of(contract, visit.request.POST.get("function", ""))
        new = Writing(arguments_of(function, _given(visit)), visit.request.POST.get("wallet_id") or None, _value(visit))
        payment = await write_to_contract(desk_of(visit), visit.principal, contract, function, new, Origin(kind="contract", id=new_id("man")))
    except SessionNotApproved:
        return _elsewhere(confirmation(f"/contracts/{contract.id}/#write", Purpose.KEYS))
    except CoreError as error:
        return visit.render("contracts/answer.html", {"problem": _problem(error)})
    return _elsewhere(f"/payments/{payment.id}/")


def _elsewhere(path: str) -> HttpResponse:
    response = HttpResponse(status=200)
    response.headers["HX-Redirect"] = path
    return response


def _given(visit: Visit) -> dict[str, str]:
    return {name: str(value) for name, value in visit.request.POST.items()}


def _value(visit: Visit) -> Decimal | None:
    text, numbers = visit.request.POST.get("value", "").strip(), number_formats.posted(visit.request.POST)
    try:
        return numbers.read(text) if text else None
    except ValueError as error:
        raise InvalidInput.of("value", gettext("must be an amount such as %(example)s") % {"example": numbers.typed("0.25")}) from error


def _problem(error: CoreError) -> str:
    if not isinstance(error, InvalidInput):
        return gettext(error.detail)
    return " ".join(f"{_place(row.field)} {gettext(row.message)}." for row in error.errors)


def _place(field: str) -> str:
    """`arguments.1.amount` in words."""
    first, *rest = field.split(".")
    if first == "arguments" and rest:
        inner = f" ({'.'.join(rest[1:])})" if len(rest) > 1 else ""
        return gettext("Argument %(n)s") % {"n": int(rest[0]) + 1} + inner
    return gettext(field.replace("_", " ").capitalize())


# ---- verification ----------------------------------------------------------------------------------------------------------------


@page(Permission.CONTRACTS_WRITE)
async def verify_page(visit: Visit, contract_id: str) -> HttpResponse:
    contract = await _contract(visit, contract_id)
    names = (
        "compiler_version",
        "contract_name",
        "source",
        "optimizer",
        "runs",
        "evm_version",
        "via_ir",
        "constructor_arguments",
        "creation_transaction",
    )
    form = Form(visit.request, *names)
    versions = visit.runtime.compiler.versions()
    if visit.request.method != "POST":
        form.given |= {"compiler_version": versions[0] if versions else "", "runs": "200"}
        return _verify_form(visit, contract, form, versions)
    wanted = _wanted(form, versions, visit.request.POST.get("source", ""))
    if form.errors:
        return _verify_form(visit, contract, form, versions, status=422)
    runtime = visit.runtime
    try:
        await ask_verification(runtime.uow, runtime.clock, runtime.queue, runtime.compiler, contract, visit.principal.user_id, wanted)
    except InvalidInput as error:
        return _verify_form(visit, contract, form, versions, problem=form.refused(error, VERIFY_FIELDS), status=422)
    except CoreError as error:
        return _verify_form(visit, contract, form, versions, problem=gettext(error.detail), status=error.status)
    return _to(contract.id, "asked")


def _wanted(form: Form, versions: Sequence[str], source: str) -> VerificationRequest:
    """What is wrong stands in the form. The source is taken as it was typed: every character counts."""
    form.one_of("compiler_version", versions)
    form.one_of("evm_version", EVM_VERSIONS, needed=False)
    name, runs = form.line("contract_name", most=300), form["runs"]
    if not form["source"]:
        form.wrong("source", gettext("is needed"))
    if not (runs.isascii() and runs.isdecimal() and len(runs) <= 9):
        form.wrong("runs", gettext("must be a whole number"))
        runs = "0"
    for field, size in (("constructor_arguments", None), ("creation_transaction", 32)):
        _check_hex(form, field, size)
    settings: dict[str, Any] = {"optimizer": {"enabled": bool(form["optimizer"]), "runs": int(runs)}}
    if form["evm_version"]:
        settings["evmVersion"] = form["evm_version"]
    if form["via_ir"]:
        settings["viaIR"] = True
    files = _standard(source, settings) or {"sources": {SINGLE_FILE: {"content": source.replace("\r\n", "\n")}}, "settings": settings}
    return VerificationRequest(form["compiler_version"], name, files, form["constructor_arguments"] or None, form["creation_transaction"] or None)


def _standard(text: str, settings: dict[str, Any]) -> dict[str, Any] | None:
    """The compiler's standard JSON input, where that was pasted instead of a source: its files, with the settings of the form."""
    if not text.lstrip().startswith("{"):
        return None
    try:
        files = json.loads(text)["sources"]
        return {"sources": {str(path): {"content": str(file["content"])} for path, file in files.items()}, "settings": settings}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _check_hex(form: Form, field: str, size: int | None) -> None:
    text = form[field]
    try:
        data = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        form.wrong(field, gettext("must be hexadecimal: 0x and two digits a byte"))
        return
    if text and (not text.startswith("0x") or (size is not None and len(data) != size)):
        wrong = (
            gettext("must be 0x and %(n)s hexadecimal digits") % {"n": size * 2}
            if size
            else gettext("must be 0x and an even number of hexadecimal digits")
        )
        form.wrong(field, wrong)


def _verify_form(visit: Visit, contract: Contract, form: Form, versions: list[str], *, problem: str = "", status: int = 200) -> HttpResponse:
    values = {
        "row": _row(visit, contract),
        "given": form.given,
        "errors": form.errors,
        "problem": problem,
        "versions": versions,
        "evm_versions": EVM_VERSIONS,
    }
    return visit.render("contracts/verify.html", values, status=status)


# ---- shared ----------------------------------------------------------------------------------------------------------------------


async def _contract(visit: Visit, contract_id: str) -> Contract:
    found = await store.get(visit.org_id, contract_id)
    if found is None:
        raise Http404
    return found


def _flash(visit: Visit) -> str:
    return gettext(FLASHES.get(visit.request.GET.get("done", ""), ""))


def _to(contract_id: str, done: str) -> HttpResponse:
    return redirect(f"/contracts/{contract_id}/?{urlencode({'done': done})}")

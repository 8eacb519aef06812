"""/api/contracts/: contracts that the organisation deals with."""

import json
from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from crypto_api.contracts import service, store
from crypto_api.contracts.documents import Contract
from crypto_api.contracts.types import ContractChanges, NewContract
from crypto_api.flows.call_contract import call_contract, function_of
from crypto_api.flows.read_payments import payment_view
from crypto_api.flows.register_contract import chain_of, refresh_contract, register_contract
from crypto_api.flows.verify_contract import ask_verification
from crypto_api.flows.write_to_contract import Writing, write_to_contract
from crypto_api.http.answers import answer
from crypto_api.http.auth import org_of, principal_of
from crypto_api.http.etag import expected_versions
from crypto_api.http.idempotency import idempotent
from crypto_api.http.paging import page_read, page_request
from crypto_api.http.payments import desk_of, manual_origin
from crypto_api.http.permissions import requires
from crypto_api.http.schemas.base import PageRead, Word
from crypto_api.http.schemas.contracts import (
    ContractAbiRead,
    ContractCreate,
    ContractDetailRead,
    ContractInteract,
    ContractQuery,
    ContractRead,
    ContractUpdate,
    ContractVerify,
    InteractionRead,
    VerificationRead,
    abi_text,
)
from crypto_api.http.schemas.payments import PaymentDetailRead
from crypto_api.http.schemas.system import TaskRead
from crypto_api.organizations.types import Permission
from crypto_api.runtime import runtime_of
from mongodb_config.pages import contains

router = Router(tags=["contracts"])

SORTS = {"created_at": "_id", "name": "name_folded"}


@router.get("/contracts/", response=PageRead[ContractRead], summary="List contracts")
@requires(Permission.CONTRACTS_READ)
async def list_contracts(request: HttpRequest, query: Query[ContractQuery]) -> HttpResponse:
    where: dict[str, Any] = {}
    if query.network is not None:
        where["network"] = query.network
    if query.verified is not None:
        where["verified"] = {"$ne": None} if query.verified else None
    if query.q is not None:
        where["$or"] = [{"name": contains(query.q)}, {"address": contains(query.q)}, {"implementation": contains(query.q)}]
    page = await store.page(org_of(request), where, page_request(query, SORTS, "-created_at"))
    return answer(page_read(page, ContractRead.of))


@router.post("/contracts/", response={201: ContractRead}, summary="Register a contract")
@requires(Permission.CONTRACTS_WRITE)
@idempotent
async def register_contract_address(request: HttpRequest, body: ContractCreate) -> HttpResponse:
    """What stands at the address is read from the chain: its code, the implementation behind a proxy (EIP-1967, its beacons, EIP-1822, minimal
    proxies), and the common interfaces that it has. An address once in an organisation and network. 503 when no node answers."""
    runtime = runtime_of(request.scope)
    new = NewContract(body.address, body.network, body.name or "", abi_text(body.abi), body.source)
    contract = await register_contract(runtime.uow, runtime.clock, runtime.networks, runtime.rpc, org_of(request), principal_of(request).user_id, new)
    return answer(ContractRead.of(contract), status=201, version=contract.version)


@router.get("/contracts/{address}/", response=ContractDetailRead, summary="Get a contract")
@requires(Permission.CONTRACTS_READ)
async def get_contract(request: HttpRequest, address: str, network: Word | None = None) -> HttpResponse:
    """As it was read last; POST …/refresh/ reads it again. `network` is needed where the address is registered on several."""
    contract = await service.named(org_of(request), address, network)
    return await _detail(contract)


@router.put("/contracts/{address}/", response=ContractDetailRead, summary="Rename a contract, or give its ABI or source")
@requires(Permission.CONTRACTS_WRITE)
async def update_contract(request: HttpRequest, address: str, body: ContractUpdate, network: Word | None = None) -> HttpResponse:
    """What is left out stays as it is."""
    runtime = runtime_of(request.scope)
    contract = await service.named(org_of(request), address, network)
    changes = ContractChanges(body.name, abi_text(body.abi), body.source)
    return await _detail(await service.update(runtime.uow, contract, changes, expected_versions(request), runtime.clock.now()))


@router.post("/contracts/{address}/refresh/", response=ContractDetailRead, summary="Read a contract from the chain again")
@requires(Permission.CONTRACTS_WRITE)
@idempotent
async def refresh_contract_from_chain(request: HttpRequest, address: str, network: Word | None = None) -> HttpResponse:
    """An implementation that has changed since is told as the event `contract.upgraded` and in the audit log. 503 when no node answers."""
    runtime = runtime_of(request.scope)
    contract = await service.named(org_of(request), address, network)
    return await _detail(await refresh_contract(runtime.uow, runtime.clock, runtime.rpc, contract))


@router.post("/contracts/{address}/verify/", response={202: TaskRead}, summary="Verify a source against the code of a contract")
@requires(Permission.CONTRACTS_WRITE)
@idempotent
async def verify_contract(request: HttpRequest, address: str, body: ContractVerify, network: Word | None = None) -> HttpResponse:
    """Compiles the source by exactly that compiler and compares it with the code at the address: a `full` match agrees in every byte, a `partial`
    one in everything but the hash of the metadata. The task ends as failed where it does not match, and its result tells from which byte on.
    409 `compiler_not_installed` names the command that installs the compiler."""
    runtime = runtime_of(request.scope)
    contract = await service.named(org_of(request), address, network)
    user_id = principal_of(request).user_id
    task = await ask_verification(runtime.uow, runtime.clock, runtime.queue, runtime.compiler, contract, user_id, body.request())
    return answer(TaskRead.of(task), status=202)


@router.get("/contracts/{address}/abi/", response=ContractAbiRead, summary="Get the ABI by which a contract is called")
@requires(Permission.CONTRACTS_READ)
async def get_contract_abi(request: HttpRequest, address: str, network: Word | None = None) -> HttpResponse:
    """That of a proxy is its implementation's, where the organisation has registered that as well."""
    contract = await service.named(org_of(request), address, network)
    return answer(ContractAbiRead.of(contract, await service.callable_abi(contract)), version=contract.version)


@router.post("/contracts/{address}/interact/", response={200: InteractionRead, 202: PaymentDetailRead}, summary="Call a function of a contract")
@requires(Permission.CONTRACTS_READ)
@idempotent
async def interact_with_contract(request: HttpRequest, address: str, body: ContractInteract, network: Word | None = None) -> HttpResponse:
    """A function that only reads is executed at one block and answers its values: whole numbers as decimal strings, bytes in hexadecimal, tuples
    as objects. 409 `call_reverted` tells why the contract refused. One that changes something becomes a payment (202): it needs `payments.prepare`, a
    step-up (403 `session_not_approved`) and a wallet that sends it."""
    runtime = runtime_of(request.scope)
    contract = await service.named(org_of(request), address, network)
    abi, function = await function_of(contract, body.function)
    if function.reads:
        found = await call_contract(chain_of(runtime.rpc, contract), contract, abi, function, body.arguments, block=body.block)
        return answer(InteractionRead.of(found))
    writing = Writing(body.arguments, body.wallet_id, body.value, body.block)
    payment = await write_to_contract(desk_of(request), principal_of(request), contract, function, writing, manual_origin(request))
    view = await payment_view(contract.org_id, payment, runtime.clock.now())
    return answer(PaymentDetailRead.of(view), status=202, version=payment.version)


async def _detail(contract: Contract) -> HttpResponse:
    text = (await store.texts(contract.org_id, [contract.id])).get(contract.id)
    latest = await store.latest_verification(contract.org_id, contract.id)
    verified = await store.verification(contract.org_id, contract.verified.verification_id) if contract.verified else None
    files = json.loads(verified.standard_json)["sources"] if verified else None
    read = ContractDetailRead(
        **ContractRead.values_of(contract),
        source=text.source or None if text else None,
        sources={path: file["content"] for path, file in files.items()} if files else None,
        verification=VerificationRead.of(latest) if latest else None,
    )
    return answer(read, version=contract.version)

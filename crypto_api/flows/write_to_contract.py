"""A call that changes something on the chain is a payment: simulated, judged by the policy, approved, signed and followed like any other."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from crypto_api.contracts.abi import Entry, call_data
from crypto_api.contracts.documents import Contract
from crypto_api.flows.prepare_payment import NewCall, prepare_call
from crypto_api.flows.prepare_wanted import PaymentDesk
from crypto_api.flows.step_up import require_approval
from crypto_api.identity.types import Purpose
from crypto_api.kit.errors import InvalidInput, PermissionDenied
from crypto_api.organizations.types import Permission, Principal
from crypto_api.payments.documents import Payment
from crypto_api.payments.types import Origin
from crypto_api.wallets import store as wallets


@dataclass(frozen=True)
class Writing:
    arguments: Sequence[Any]
    wallet_id: str | None
    value: Decimal | None = None  # whole units of the coin that go with the call
    block: int | None = None


async def write_to_contract(desk: PaymentDesk, principal: Principal, contract: Contract, function: Entry, new: Writing, origin: Origin) -> Payment:
    """PermissionDenied without `payments.prepare`, SessionNotApproved without a step-up; InvalidInput naming the field; else as `prepare_call`."""
    if not principal.may(Permission.PAYMENTS_PREPARE):
        raise PermissionDenied(f"{function.name} changes something on the chain: this needs the permission {Permission.PAYMENTS_PREPARE}.")
    await require_approval(principal.session_id, principal.org_id, Purpose.KEYS, desk.clock.now())
    if new.block is not None:
        raise InvalidInput.of("block", f"goes with functions that only read, and {function.name} changes something", "not_allowed")
    if new.value and function.mutability != "payable":
        raise InvalidInput.of("value", f"cannot go with {function.name}, which takes none", "not_payable")
    data = "0x" + call_data(function, new.arguments).hex()
    wallet_id = await _wallet_of(contract, new.wallet_id)
    call = NewCall(wallet_id, contract.address, data, new.value or Decimal(0), f"{function.signature[:150]} of {contract.name}"[:200])
    return await prepare_call(desk, principal, contract.org_id, call, origin)


async def _wallet_of(contract: Contract, wallet_id: str | None) -> str:
    if wallet_id is None:
        raise InvalidInput.of("wallet_id", "is needed: the wallet that sends the call and pays for it", "required")
    wallet = await wallets.get(contract.org_id, wallet_id)
    if wallet is None:
        raise InvalidInput.of("wallet_id", "is no wallet of this organisation", "unknown_wallet")
    if wallet.network != contract.network:
        raise InvalidInput.of("wallet_id", f"is on {wallet.network}, and the contract on {contract.network}", "other_network")
    return wallet.id

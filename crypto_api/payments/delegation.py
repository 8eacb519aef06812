"""Accounts that run our batch contract as their own code (EIP-7702): what they sign, in which nonces, and what has to stand on the chain. Pure.

The addresses of our contracts follow from their code (EIP-1014), so nothing else can ever stand there; but nothing may. A call of an address without
code succeeds, moves what is sent along, and pays nobody.

An authorization of the sender's own holds in the nonce after the transaction's, which it uses. So every attempt in such a slot carries one, a
cancellation too: whatever is mined uses both nonces, and an authorization that others have seen in a pool never comes to hold by itself.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import takewhile
from typing import TypeVar

from crypto_api.kit.ethereum import ZERO_ADDRESS
from crypto_api.kit.sending import AUTHORIZATION_GAS, PLAIN_TRANSFER_GAS
from crypto_api.payments.batch import BATCH_CONTRACT, BATCH_DELEGATE, CODE, delegate_of, delegated_code
from crypto_api.payments.documents import Payment
from crypto_api.payments.types import Attempt, Authorization, PaymentKind

Row = TypeVar("Row")
ONE_AT_A_TIME = "An account that has delegated its code sends one transaction at a time: the one before has to be mined first."
"""Nodes keep no more than one of such an account (geth: `ErrInflightTxLimitReached`), since each may empty it; and an authorization uses a second
nonce, so nothing is put behind it before it stands in a block."""
_CANCEL_GAS = 30_000  # a plain transfer, and what `receive` of our code takes, with room


# ---- what is signed, and in which nonces -----------------------------------------------------------------------------------------


def authorization_of(payment: Payment, purpose: Attempt, nonce: int) -> Authorization | None:
    """What a transaction of the payment carries in that nonce (EIP-7702); None where it carries nothing. A cancellation carries one as well, which
    leaves the account without code: it uses the nonce that the first one was signed for, so that what others have seen of it never holds."""
    if payment.delegation is None or not payment.delegation.authorizes:
        return None
    delegate = ZERO_ADDRESS if purpose is Attempt.CANCEL else payment.delegation.delegate
    return Authorization(chain_id=payment.chain_id, address=delegate, nonce=nonce + 1)


def cancel_gas(payment: Payment) -> int:
    """For nothing to oneself. An account that has delegated (EIP-7702) runs its code even for that, whatever the payment was."""
    return PLAIN_TRANSFER_GAS + AUTHORIZATION_GAS if payment.authorizes else _CANCEL_GAS


def in_one_row(rows: Sequence[Row], payment_of: Callable[[Row], Payment], *, alone: bool) -> list[Row]:
    """Those that may get nonces together: the first only, where it carries an authorization or the sender has delegated; else up to the first that
    does."""
    if alone or (rows and payment_of(rows[0]).authorizes):
        return list(rows[:1])
    return list(takewhile(lambda row: not payment_of(row).authorizes, rows))


# ---- what has to stand on the chain ----------------------------------------------------------------------------------------------


def looked_at(payments: Iterable[Payment]) -> list[str]:
    """Addresses whose code decides."""
    found: set[str] = set()
    for payment in payments:
        if payment.kind is PaymentKind.BATCH:
            found |= {BATCH_CONTRACT} if payment.delegation is None else {BATCH_DELEGATE, payment.from_address}
    return sorted(found)


def unfit(payment: Payment, code: Mapping[str, bytes]) -> str | None:
    """Why it must not be signed, in a sentence. `code` is of each address that is looked at."""
    if payment.kind is not PaymentKind.BATCH:
        return None
    contract = BATCH_CONTRACT if payment.delegation is None else BATCH_DELEGATE
    if code[contract] != CODE[contract]:
        return f"The contract at {contract} does not have our code: nobody would be paid."
    return None if payment.delegation is None else unfit_account(code[payment.from_address], authorizes=payment.delegation.authorizes)


def unfit_account(code: bytes, *, authorizes: bool) -> str | None:
    """Of the wallet itself. An account that delegates elsewhere is not taken over: a person decides about that first."""
    ours = code == delegated_code(BATCH_DELEGATE)
    if authorizes:
        return None if ours or not code else f"The wallet has delegated its code to {delegate_of(code) or 'somebody else'}: take that back first."
    return None if ours else "The wallet has not delegated to our batch code any more."

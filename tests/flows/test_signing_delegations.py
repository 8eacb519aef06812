"""What is signed of an account that runs our batch contract as its own code (EIP-7702): a sound batch, and the same with exactly one thing wrong."""

from collections.abc import AsyncIterator, Callable, Sequence
from decimal import Decimal
from typing import Any

import pytest
from beanie import init_beanie

from crypto_api.documents import DOCUMENTS
from crypto_api.flows.signing_decision import SigningCase, refusal
from crypto_api.kit.ethereum import ZERO_ADDRESS
from crypto_api.payments.batch import BATCH_CONTRACT, BATCH_DELEGATE, Share, batch_call, delegated_call
from crypto_api.payments.delegation import authorization_of
from crypto_api.payments.rules import cancel_call
from crypto_api.payments.types import Attempt, Authorization, BatchPayee, Call, Delegation, Fees, PaymentKind, PaymentState, Way
from crypto_api.policies.types import PaymentPolicy
from crypto_api.wallets.documents import WalletType
from crypto_project.embedded.servers import Addresses
from mongodb_config.client import connect
from tests.factories.signing import CHAIN_ID, NOW, PAYEE, SENDER, TOKEN, attempt, case, payee, payment, signed, wallet

OTHER = "0x8ba1f109551bD432803012645Ac136ddd64DBA72"
THIRD = "0x90F79bf6EB2c4f870365E785982E1f101E93b906"
HIGHER = Fees(gas=21_000, max_fee_per_gas=45_000_000_000, max_priority_fee_per_gas=1_125_000_000)
SHARES = [Share(PAYEE, 15 * 10**17), Share(THIRD, 5 * 10**17)]
SETS, STANDS = Delegation(delegate=BATCH_DELEGATE, authorizes=True), Delegation(delegate=BATCH_DELEGATE, authorizes=False)
TAKES_BACK = Delegation(delegate=ZERO_ADDRESS, authorizes=True)
SOUND_AUTHORIZATION = Authorization(chain_id=CHAIN_ID, address=BATCH_DELEGATE, nonce=8)  # the transaction's nonce is 7


@pytest.fixture(scope="module", autouse=True)
async def documents(addresses: Addresses) -> AsyncIterator[None]:
    """Documents are made here and never stored, but they want to know of a database."""
    client = connect(addresses.mongodb_uri)
    await init_beanie(database=client["never_written"], document_models=DOCUMENTS, skip_indexes=True)
    yield
    await client.close()


def paying(shares: Sequence[Share] = SHARES, token: str | None = None) -> Call:
    return delegated_call(SENDER.address, shares, token)


def batch(token: str | None = None, delegation: Delegation = SETS, **changes: Any) -> Any:
    rows = [BatchPayee(address=row.payee, raw_amount=str(row.raw_amount), reference=f"PS-{place}") for place, row in enumerate(SHARES)]
    values: dict[str, Any] = {"kind": PaymentKind.BATCH, "payee_address": BATCH_DELEGATE, "payees": rows, "token_contract": token}
    return payment(**values | {"delegation": delegation, "call": paying(token=token)} | changes)


def revocation(**changes: Any) -> Any:
    """Counts nothing, so nobody need approve it."""
    values = {"kind": PaymentKind.DELEGATION, "payee_address": SENDER.address, "raw_amount": "0", "amount": Decimal(0), "approvals": []}
    return payment(**values | {"delegation": TAKES_BACK, "call": cancel_call(SENDER.address), "value": Decimal(0)} | changes)


def policy(**changes: Any) -> PaymentPolicy:
    return PaymentPolicy(**{"approvals_required": 2, "delegated_batches": True, **changes})


def delegated_case(of: Any = None, **changes: Any) -> SigningCase:
    listed = [payee(), payee(id="pye_2", address=THIRD)]
    return case(of or batch(), **{"payees": listed, "policy": policy(), "wallet": wallet(pays_delegated=True)} | changes)


def revoking_case(of: Any = None, **changes: Any) -> SigningCase:
    """Nobody lets this organisation or wallet delegate."""
    return case(of or revocation(), **{"payees": [], "policy": policy(delegated_batches=False), "wallet": wallet()} | changes)


def carrying(authorization: Authorization | None, of: Any = None, make: Callable[..., SigningCase] = delegated_case, **changes: Any) -> SigningCase:
    of = of or batch()
    return make(of, attempt=attempt(of).model_copy(update={"authorization": authorization}), **changes)


def replacing(purpose: Attempt, *, of: Any = None, first: Callable[[Any], Any] = signed, **changes: Any) -> SigningCase:
    asked = {"cancel_requested_by": "usr_ada"} if purpose is Attempt.CANCEL else {}
    paid = (of or batch)(state=PaymentState.BROADCAST, **asked)
    call = cancel_call(SENDER.address) if purpose is Attempt.CANCEL else paid.call
    planned = attempt(paid, number=1, purpose=purpose, call=call, fees=HIGHER)
    return delegated_case(paid, attempt=planned, attempts=[first(attempt(paid)), planned], **changes)


def changed(**fields: Any) -> Authorization:
    return SOUND_AUTHORIZATION.model_copy(update=fields)


SOUND: dict[str, Callable[[], SigningCase]] = {
    "the coin, with its authorization": delegated_case,
    "a token, with its authorization": lambda: delegated_case(batch(TOKEN)),
    "an account that has delegated before": lambda: delegated_case(batch(delegation=STANDS)),
    "taking it back, whatever is let": revoking_case,
    "a speed-up": lambda: replacing(Attempt.SPEED_UP),
    "a cancellation": lambda: replacing(Attempt.CANCEL),
    "a cancellation after it was forbidden": lambda: replacing(Attempt.CANCEL, policy=policy(delegated_batches=False), wallet=wallet()),
    "a cancellation of one that has delegated before": lambda: replacing(Attempt.CANCEL, of=lambda **more: batch(delegation=STANDS, **more)),
    "a speed-up of taking it back": lambda: replacing(Attempt.SPEED_UP, of=revocation, policy=policy(delegated_batches=False), wallet=wallet()),
}


@pytest.mark.parametrize("name", SOUND)
def test_what_is_sound_is_signed(name: str) -> None:
    assert refusal(SOUND[name](), NOW) is None


def test_the_authorization_is_made_from_the_payment() -> None:
    made = batch()
    assert authorization_of(made, Attempt.PAY, 7) == authorization_of(made, Attempt.SPEED_UP, 7) == SOUND_AUTHORIZATION
    assert authorization_of(made, Attempt.CANCEL, 7) == changed(address=ZERO_ADDRESS)
    assert authorization_of(batch(delegation=STANDS), Attempt.PAY, 7) is authorization_of(payment(), Attempt.CANCEL, 7) is None


_NOT_ITS_OWN, _FITS_NOT, _NOT_OURS = "authorization is not the payment's", "does not pay this payee", "code that is not ours"
REFUSED: dict[str, tuple[Callable[[], SigningCase], str]] = {
    # the authorization
    "none where there must be one": (lambda: carrying(None), _NOT_ITS_OWN),
    "for every chain": (lambda: carrying(changed(chain_id=0)), _NOT_ITS_OWN),
    "for another chain": (lambda: carrying(changed(chain_id=1)), _NOT_ITS_OWN),
    "for somebody else's code": (lambda: carrying(changed(address=OTHER)), _NOT_ITS_OWN),
    "for the contract that others call": (lambda: carrying(changed(address=BATCH_CONTRACT)), _NOT_ITS_OWN),
    "for nobody, in a payment": (lambda: carrying(changed(address=ZERO_ADDRESS)), _NOT_ITS_OWN),
    "in the transaction's own nonce": (lambda: carrying(changed(nonce=7)), _NOT_ITS_OWN),
    "in a later nonce": (lambda: carrying(changed(nonce=9)), _NOT_ITS_OWN),
    "where the account has delegated before": (lambda: carrying(SOUND_AUTHORIZATION, batch(delegation=STANDS)), _NOT_ITS_OWN),
    "in a plain transfer": (lambda: carrying(SOUND_AUTHORIZATION, payment(), case), _NOT_ITS_OWN),
    "in a cancellation that pays": (
        lambda: _with_attempt(replacing(Attempt.CANCEL), authorization=SOUND_AUTHORIZATION),
        _NOT_ITS_OWN,
    ),
    "a cancellation without one": (lambda: _with_attempt(replacing(Attempt.CANCEL), authorization=None), _NOT_ITS_OWN),
    # whose code it is
    "delegate of the payment is another's": (lambda: delegated_case(batch(delegation=Delegation(delegate=OTHER, authorizes=True))), _NOT_OURS),
    "another's where it has delegated before": (lambda: delegated_case(batch(delegation=Delegation(delegate=OTHER, authorizes=False))), _NOT_OURS),
    "batch that takes back": (lambda: delegated_case(batch(delegation=TAKES_BACK)), _NOT_OURS),
    "taking back that delegates": (lambda: revoking_case(revocation(delegation=SETS)), _NOT_OURS),
    "transfer that delegates": (lambda: delegated_case(payment(delegation=SETS), payees=[payee()]), _NOT_OURS),
    "call that delegates": (lambda: delegated_case(_call_of(OTHER, delegation=STANDS)), _NOT_OURS),
    # who let it
    "organisation not let": (lambda: delegated_case(policy=policy(delegated_batches=False)), "policy does not let accounts run code"),
    "organisation not let, delegated before": (
        lambda: delegated_case(batch(delegation=STANDS), policy=policy(delegated_batches=False)),
        "policy does not let accounts run code",
    ),
    "wallet not let": (lambda: delegated_case(wallet=wallet()), "wallet is not let run code"),
    "speed-up after the organisation forbade it": (
        lambda: replacing(Attempt.SPEED_UP, policy=policy(delegated_batches=False)),
        "policy does not let accounts run code",
    ),
    "speed-up after the wallet was forbidden": (lambda: replacing(Attempt.SPEED_UP, wallet=wallet()), "wallet is not let run code"),
    "key of a person": (lambda: delegated_case(batch(way=Way.BROWSER)), "person's own wallet"),
    "watched wallet": (
        lambda: delegated_case(wallet=wallet(pays_delegated=True, wallet_type=WalletType.WATCH, sealed_key=None)),
        "no stored key",
    ),
    "gas price of type 0": (
        lambda: delegated_case(attempt=attempt(batch(), fees=Fees(gas=1, max_fee_per_gas=1, max_priority_fee_per_gas=1, legacy=True))),
        "by EIP-1559 only",
    ),
    # what is called
    "sends something along": (lambda: delegated_case(batch(call=paying().model_copy(update={"value_raw": "1"}))), _FITS_NOT),
    "sends the sum along": (lambda: delegated_case(batch(call=paying().model_copy(update={"value_raw": str(2 * 10**18)}))), _FITS_NOT),
    "calls the contract": (lambda: delegated_case(batch(call=batch_call(SHARES, None))), _FITS_NOT),
    "calls the code itself": (lambda: delegated_case(batch(call=paying().model_copy(update={"to": BATCH_DELEGATE}))), _FITS_NOT),
    "calls another account": (lambda: delegated_case(batch(call=delegated_call(OTHER, SHARES, None))), _FITS_NOT),
    "names the other contract": (lambda: delegated_case(batch(payee_address=BATCH_CONTRACT)), _FITS_NOT),
    "pays one less": (lambda: delegated_case(batch(call=paying(SHARES[:1]))), _FITS_NOT),
    "pays another": (lambda: delegated_case(batch(call=paying([SHARES[0], Share(OTHER, 5 * 10**17)]))), _FITS_NOT),
    "pays a unit more": (lambda: delegated_case(batch(call=paying([SHARES[0], Share(THIRD, 5 * 10**17 + 1)]))), _FITS_NOT),
    "pays one of them nothing": (lambda: delegated_case(_with_a_share_of_nothing()), _FITS_NOT),
    "token for the coin": (lambda: delegated_case(batch(call=paying(token=TOKEN))), _FITS_NOT),
    "coin for a token": (lambda: delegated_case(batch(TOKEN, call=paying())), _FITS_NOT),
    "another sum": (lambda: delegated_case(batch(raw_amount=str(10**18))), _FITS_NOT),
    "through the contract without saying so": (lambda: delegated_case(batch(delegation=None)), _FITS_NOT),
    "delegation that nobody approved": (
        lambda: delegated_case(batch(payload_hash=batch(delegation=STANDS).payload_hash)),
        "not what was put up for approval",
    ),
    "call of the wallet itself": (lambda: delegated_case(_call_of(SENDER.address, data=paying().data)), _FITS_NOT),
    "taking back that calls": (lambda: revoking_case(revocation(call=paying())), _FITS_NOT),
    "taking back that pays": (lambda: revoking_case(revocation(raw_amount="1")), _FITS_NOT),
    "taking back from another": (lambda: revoking_case(revocation(payee_address=OTHER)), _FITS_NOT),
    "taking back of a token": (lambda: revoking_case(revocation(token_contract=TOKEN)), _FITS_NOT),
    "taking back with payees": (lambda: revoking_case(revocation(payees=batch().payees)), _FITS_NOT),
    "taking back that takes nothing back": (
        lambda: revoking_case(revocation(delegation=Delegation(delegate=ZERO_ADDRESS, authorizes=False))),
        _FITS_NOT,
    ),
    "payee not in the book": (lambda: delegated_case(payees=[payee()]), "not verified"),
    "above the limit by its sum": (lambda: delegated_case(policy=policy(transaction_max=Decimal(4_999))), "above the most"),
    # what it takes the place of
    "replaces one with two authorizations": (
        lambda: replacing(Attempt.SPEED_UP, first=lambda row: signed(row, authorizations=[SOUND_AUTHORIZATION, SOUND_AUTHORIZATION])),
        "not this payment, signed by this wallet",
    ),
    "replaces one with another authorization": (
        lambda: replacing(Attempt.SPEED_UP, first=lambda row: signed(row, authorizations=[changed(address=OTHER)])),
        "not this payment, signed by this wallet",
    ),
    "replaces one with none": (
        lambda: replacing(Attempt.SPEED_UP, first=lambda row: signed(row, authorizations=[])),
        "not this payment, signed by this wallet",
    ),
    "cancels one with an authorization that it must not have": (
        lambda: replacing(
            Attempt.CANCEL,
            of=lambda **more: batch(delegation=STANDS, **more),
            first=lambda row: signed(row, authorizations=[SOUND_AUTHORIZATION]),
        ),
        "not this payment, signed by this wallet",
    ),
}


def _with_a_share_of_nothing() -> Any:
    """Its sum and its call fit."""
    shares = [Share(PAYEE, 2 * 10**18), Share(THIRD, 0)]
    rows = [BatchPayee(address=row.payee, raw_amount=str(row.raw_amount), reference=row.payee) for row in shares]
    return batch(payees=rows, call=paying(shares))


def _call_of(to: str, data: str = "0xdeadbeef", **changes: Any) -> Any:
    values = {"kind": PaymentKind.CALL, "payee_address": to, "raw_amount": "0", "call": Call(to=to, value_raw="0", data=data)}
    return payment(**values | changes)


def _with_attempt(of: SigningCase, **changes: Any) -> SigningCase:
    row = of.attempt.model_copy(update=changes)
    given = {name: getattr(of, name) for name in SigningCase.__slots__}
    return SigningCase(**given | {"attempt": row, "attempts": [*of.attempts[:-1], row]})


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_is_refused(name: str) -> None:
    of, why = REFUSED[name]
    assert why in (refusal(of(), NOW) or "signed")

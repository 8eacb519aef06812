"""What a transaction is, from what is certain to what nobody knows. This is the whole way:

    a person said it              │ stands, whatever comes later
    facts                         │ own wallets, payments, invoices, wraps, fees, spam: certain
    the organisation's rules      │ in their order, the first that matches
    kinds of known counterparties │ what a client sends is income
    memory                        │ what people said of the nearest earlier ones, from the organisation's threshold on
    ── booked here, in suspense where nothing decided ──
    the local model               │ `classify_transaction.py`, afterwards and outside of the booking: a suggestion
    nobody                        │ an item in the inbox, with whatever was suggested

The decisions themselves are pure (`classification/rules.py`); here stands what they are handed.
"""

from crypto_api.address_book import store as address_book
from crypto_api.classification import rules, store
from crypto_api.classification import service as classification
from crypto_api.classification.types import (
    Category,
    CounterpartyKind,
    Decision,
    DecisionSource,
    Executed,
    Facts,
    Knowledge,
    Leg,
    MadeBy,
    Provenance,
    Rule,
    Suggestion,
    TaxTreatment,
)
from crypto_api.invoices import store as invoices
from crypto_api.kit.amounts import text
from crypto_api.kit.networks import NetworkConfig
from crypto_api.organizations import store as organizations
from crypto_api.payments import rules as payment_rules
from crypto_api.payments import store as payments
from crypto_api.payments.documents import Payment, PaymentAttempt
from crypto_api.payments.types import PaymentKind
from crypto_api.receivables import store as receivables
from crypto_api.transactions.documents import Transaction
from crypto_api.transactions.types import Basis, Direction, Movement, Origin


def as_fields(decision: Decision) -> dict[str, object]:
    """The category fields of a transaction's row."""
    return {
        "category": decision.category.value,
        "subcategory": decision.subcategory,
        "counterparty": decision.counterparty,
        "confidence": decision.confidence,
        "category_source": decision.source.value,
        "explanation": decision.explanation,
        "evidence": decision.evidence,
        "model": decision.model,
        "payment_id": decision.payment_id,
        "purpose": decision.purpose,
        "tax_category": decision.tax.value,
        "account": decision.account,
        "provenance": decision.provenance.model_dump(mode="json", exclude_defaults=True),
        "suggestion": decision.suggestion.model_dump(mode="json") if decision.suggestion is not None else None,
    }


async def decide(transaction: Transaction, network: NetworkConfig) -> Decision:
    """What a person said of it stands; all else as the module says."""
    if transaction.category_source == DecisionSource.PERSON:
        made_by = await made_by_payment(transaction)
        return decided_before(transaction).model_copy(update={"payment_id": made_by.payment_id if made_by is not None else None})
    organization = await organizations.get(transaction.org_id)
    assert organization is not None, f"transaction {transaction.id} of an organisation that does not exist"
    facts = await facts_of(transaction, network, organization.time_zone)
    return await decide_by_knowledge(facts, transaction, await rules_of(transaction.org_id), float(organization.classification_threshold))


async def rules_of(org_id: str) -> tuple[Rule, ...]:
    return tuple(row.pure() for row in await store.rules(org_id) if row.enabled)


async def decide_by_knowledge(facts: Facts, transaction: Transaction, own: tuple[Rule, ...], confidence_min: float) -> Decision:
    """What people said before is only asked where nothing else decides."""
    decision = rules.decide(facts, Knowledge(rules=own))
    if decision.source is not DecisionSource.NONE:
        return decision
    precedents = await classification.precedents(transaction.org_id, transaction.id, facts)
    return rules.decide(facts, Knowledge(rules=own, precedents=precedents, confidence_min=confidence_min)) if precedents else decision


async def made_by_payment(transaction: Transaction) -> MadeBy | None:
    """The payment whose bytes it is: an attempt is stored before it is sent, so its hash tells, whichever of the two is seen first."""
    if transaction.gas_fee_raw is None or transaction.origin is not Origin.TRANSACTION:
        return None
    attempt = await payments.attempt_with_hash(transaction.org_id, transaction.chain_id, transaction.hash)
    payment = await payments.get(transaction.org_id, attempt.payment_id) if attempt is not None else None
    if attempt is None or payment is None:
        return None
    entry = await address_book.get(payment.org_id, payment.payee_id) if payment.payee_id is not None else None
    payee = entry.name if entry is not None else payment.payee_name
    return MadeBy(
        payment_id=payment.id,
        executed=_executed(payment, attempt),
        origin=payment.origin.kind,
        payee_address=payment.payee_address,
        payee=payee,
        paid=_in_words(payment, payee),
        purpose=payment.description or payment.origin.component,
    )


def _executed(payment: Payment, attempt: PaymentAttempt) -> Executed:
    if attempt.call == payment.call:
        return Executed.CALL if payment.kind in (PaymentKind.CALL, PaymentKind.ALLOWANCE, PaymentKind.DELEGATION) else Executed.PAYMENT
    return Executed.CANCELLATION if attempt.call == payment_rules.cancel_call(payment.from_address) else Executed.OTHER


def _in_words(payment: Payment, payee: str) -> str:
    if payment.kind is PaymentKind.CALL:
        return payment.description or f"a call of {payee or payment.payee_address}"
    if payment.kind is PaymentKind.DELEGATION:
        return "the end of what the wallet had delegated"
    if payment.kind is PaymentKind.ALLOWANCE:
        return f"an allowance of {text(payment.amount)} {payment.asset} to {payee}"
    return f"{text(payment.amount)} {payment.asset} to {payee or payment.payee_address}"


def decided_before(transaction: Transaction) -> Decision:
    """As it stands on the row, whoever decided it."""
    return Decision(
        category=Category(transaction.category),
        subcategory=transaction.subcategory,
        counterparty=transaction.counterparty,
        purpose=transaction.purpose,
        tax_category=TaxTreatment(transaction.tax_category) if transaction.tax_category else None,
        account=transaction.account,
        confidence=transaction.confidence,
        source=DecisionSource(transaction.category_source),
        explanation=transaction.explanation,
        evidence=transaction.evidence,
        model=transaction.model,
        payment_id=transaction.payment_id,
        provenance=Provenance.model_validate(transaction.provenance or {}),
        suggestion=Suggestion.model_validate(transaction.suggestion) if transaction.suggestion else None,
    )


async def facts_of(transaction: Transaction, network: NetworkConfig, time_zone: str = "UTC") -> Facts:
    """Of the row and of what the organisation knows; nothing is read from the chain."""
    return plain_facts(transaction, network, time_zone, await store.known(transaction.org_id)).model_copy(
        update={"made_by": await made_by_payment(transaction), "asked_at": await _asked_at(transaction)}
    )


def plain_facts(transaction: Transaction, network: NetworkConfig | None, time_zone: str, known: dict[str, tuple[str, CounterpartyKind]]) -> Facts:
    """Without payments and invoices of the organisation: enough to see whether a rule matches, and no look at the database for each."""
    return Facts(
        succeeded=transaction.succeeded,
        method=transaction.method,
        sender_is_own=transaction.gas_fee_raw is not None,
        legs=tuple(leg_of(movement) for movement in transaction.movements),
        known=known,
        wrapped_native=network.wrapped_native.address if network and network.wrapped_native else None,
        actions=tuple(transaction.actions),
        network=transaction.network,
        at=transaction.timestamp,
        time_zone=time_zone,
    )


async def _asked_at(transaction: Transaction) -> dict[str, tuple[str, str]]:
    """(number, client) of the invoices whose own addresses something came to, by address."""
    wallet_ids = {movement.wallet_id for movement in transaction.movements if movement.direction is Direction.IN and not movement.spam}
    rows = [row for row in await receivables.requests_at(transaction.org_id, wallet_ids) if row.own] if wallet_ids else []
    found = await invoices.by_ids(transaction.org_id, [row.invoice_id for row in rows]) if rows else {}
    return {row.address: (row.number, found[row.invoice_id].client_name) for row in rows}


def leg_of(movement: Movement) -> Leg:
    """As the rules see it."""
    return Leg(
        key=movement.key,
        kind=movement.kind,
        asset=movement.asset,
        symbol=movement.symbol,
        amount=movement.amount,
        direction=movement.direction,
        from_address=movement.from_address,
        to_address=movement.to_address,
        spam_reason=movement.spam_reason,
        token_id=movement.token_id,
        wallet_ids=tuple(found for found in (movement.wallet_id, movement.counter_wallet_id) if found),
        by_balance=movement.basis is Basis.BALANCE and movement.raw_event_amount is None,
        contract=movement.contract,
        raw=int(movement.raw_amount),
        decimals=movement.decimals,
    )

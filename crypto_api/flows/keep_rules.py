"""A person keeps the organisation's classification rules. What a rule names has to be there: own wallets, networks, accounts of the chart."""

from collections.abc import Collection, Mapping
from typing import Any

from crypto_api.classification import service as classification
from crypto_api.classification import store as rules
from crypto_api.classification.documents import ClassificationRule
from crypto_api.classification.types import WITH_ACCOUNT, Conditions, NewRule, Outcome
from crypto_api.kit.clock import Clock
from crypto_api.kit.errors import FieldError, InvalidInput, NotFound
from crypto_api.ledger import store as ledger
from crypto_api.ledger.types import AccountCode, AccountType
from crypto_api.wallets import store as wallets
from mongodb_config.unit_of_work import UnitOfWork

Versions = Collection[int] | None
_SAYING_WHY = frozenset({AccountType.INCOME, AccountType.EXPENSE})
_NOT_CHOSEN = frozenset(
    {AccountCode.NETWORK_FEES, AccountCode.GAINS, AccountCode.LOSSES, AccountCode.EXCHANGE_GAINS, AccountCode.EXCHANGE_LOSSES}
)  # what is posted there is computed


async def add_rule(uow: UnitOfWork, clock: Clock, networks: Collection[str], org_id: str, new: NewRule, by: str) -> ClassificationRule:
    """InvalidInput, TooManyRules."""
    await check_rule(networks, org_id, new.conditions, new.outcome)
    return await uow.run(lambda session: classification.add_rule(session, org_id, new, by, clock.now()))


async def change_rule(
    uow: UnitOfWork,
    clock: Clock,
    networks: Collection[str],
    org_id: str,
    rule_id: str,
    fields: Mapping[str, Any],
    by: str,
    versions: Versions,
) -> ClassificationRule:
    """InvalidInput, NotFound, PreconditionFailed."""
    before = await rules.rule(org_id, rule_id)
    if before is None:
        raise NotFound
    if fields.keys() & {"conditions", "outcome"}:
        await check_rule(networks, org_id, fields.get("conditions", before.conditions), fields.get("outcome", before.outcome))
    return await uow.run(lambda session: classification.change_rule(session, org_id, rule_id, fields, by, clock.now(), versions))


async def check_rule(networks: Collection[str], org_id: str, conditions: Conditions, outcome: Outcome) -> None:
    """InvalidInput naming each field whose value is not there, or that makes no sense."""
    classification.check(conditions, outcome)
    faults = [
        FieldError(f"conditions.networks.{at}", "is no network that is followed", "unknown_network")
        for at, slug in enumerate(conditions.networks)
        if slug not in networks
    ]
    own = {row.id for row in await wallets.active(org_id)} if conditions.wallet_ids else set()
    faults += [
        FieldError(f"conditions.wallet_ids.{at}", "is no wallet of this organisation", "unknown_wallet")
        for at, wallet_id in enumerate(conditions.wallet_ids)
        if wallet_id not in own
    ]
    if outcome.account and (why := await _fault_of_account(org_id, outcome)) is not None:
        faults.append(FieldError("outcome.account", *why))
    if faults:
        raise InvalidInput(*faults)


async def _fault_of_account(org_id: str, outcome: Outcome) -> tuple[str, str] | None:
    """(message, code)."""
    if outcome.category not in WITH_ACCOUNT:
        names = ", ".join(sorted(WITH_ACCOUNT))
        return f"cannot be chosen for {outcome.category}: only {names} may stand in an account of their own", "no_choice"
    row = next((row for row in await ledger.accounts(org_id) if row.code == outcome.account), None)
    if row is None or not row.active:
        return "is no account of the chart that is in use", "unknown_account"
    if row.account_type not in _SAYING_WHY or row.code in _NOT_CHOSEN:
        return "must be an account of income or of expenses in which nothing is posted that is computed", "wrong_account"
    return None

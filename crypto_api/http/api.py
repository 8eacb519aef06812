"""The one API object. Whoever adds an `http/<noun>.py` adds its router to the list here."""

from ninja import NinjaAPI, Router

from crypto_api.http import (
    accounts,
    address_book,
    audit_log,
    auth_routes,
    automation,
    blockchain,
    checkpoints,
    classification,
    clients,
    companies,
    contract_audits,
    contracts,
    employee_accounts,
    employees,
    ethereum_log_in,
    exchange_rates,
    inbox,
    insights,
    invitations,
    invoice_settings,
    invoices,
    journal_entries,
    ledger,
    ledger_export,
    long_reports,
    lot_policy,
    members,
    mfa,
    news,
    notifications,
    organizations,
    overview,
    own_invoices,
    passkeys,
    pay_profiles,
    payment_policy,
    payments,
    payroll,
    payslips,
    periods,
    platform,
    platform_automation,
    portfolio,
    price_alerts,
    problems,
    profile,
    receipts,
    receivables,
    receiving,
    recurring_invoices,
    recurring_payments,
    reports,
    roles,
    saved_views,
    sending,
    step_up,
    system,
    tasks,
    tax_reports,
    transactions,
    wallet_ownership,
    wallets,
    webhooks,
)
from crypto_api.http.auth import AccessToken
from crypto_api.http.body import StrictParser
from crypto_api.http.openapi import CofferAPI
from crypto_api.http.permissions import OPEN

ROUTERS: list[Router] = [
    auth_routes.router,
    profile.router,
    mfa.router,
    passkeys.router,
    ethereum_log_in.router,
    step_up.router,
    organizations.router,
    members.router,
    invitations.router,
    roles.router,
    companies.router,
    pay_profiles.router,  # before what takes any id below /employees/
    employees.router,
    employee_accounts.router,
    wallet_ownership.router,  # before the path that takes any id
    wallets.router,
    checkpoints.router,
    saved_views.router,  # before what takes any id below /transactions/
    transactions.router,
    classification.router,
    blockchain.router,
    sending.router,
    payments.router,
    contracts.router,
    contract_audits.router,
    accounts.router,
    journal_entries.router,
    ledger.router,
    tax_reports.router,
    long_reports.router,
    ledger_export.router,
    reports.router,
    periods.router,
    lot_policy.router,
    exchange_rates.router,
    price_alerts.router,
    portfolio.router,
    payment_policy.router,
    address_book.router,
    clients.router,
    receivables.router,
    own_invoices.router,
    recurring_invoices.router,
    receiving.router,
    receipts.router,
    invoice_settings.router,  # before what takes any id below /invoices/
    invoices.router,
    payroll.router,
    payslips.router,
    recurring_payments.router,
    inbox.router,
    overview.router,
    insights.router,
    notifications.router,
    news.router,
    webhooks.router,
    tasks.router,
    automation.router,
    platform_automation.router,
    audit_log.router,
    system.router,
    platform.router,
]


def build_api() -> NinjaAPI:
    """Nothing is reachable by accident: an operation without a permission, or open without saying so, stops the start."""
    api = CofferAPI(
        title="Coffer",
        version="1",
        description="Treasury and books of organisations that hold and pay with crypto assets.",
        urls_namespace="api",
        servers=[{"url": "/", "description": "The installation that serves this document"}],
        auth=AccessToken(),
        parser=StrictParser(),
    )
    problems.install(api)
    for router in ROUTERS:
        api.add_router("", router)
    for bound in api._get_bound_routers():
        for view in bound.path_operations.values():
            for operation in view.operations:
                name, permission = operation.view_func.__name__, getattr(operation.view_func, "permission", None)
                if permission is None:
                    raise RuntimeError(f"operation {name} names no permission: put @requires, @signed_in or @open_to_all on it")
                if (permission == OPEN) != (not operation.auth_callbacks):
                    raise RuntimeError(f"operation {name}: auth=None goes with @open_to_all, and only with it")
    return api


api = build_api()

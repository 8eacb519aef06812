"""Every page and fragment of the dashboard. Pages are for people; fragments are parts of pages that fetch themselves again."""

from django.urls import path

from crypto_api.dashboard import (
    urls_organization,
    urls_payments,
    urls_person,
    views_inbox,
    views_journal,
    views_overview,
    views_transactions,
    views_wallet_add,
    views_wallets,
)

urlpatterns = [
    path("", views_overview.overview_page, name="overview"),
    *urls_person.pages,
    path("wallets/", views_wallets.list_page, name="wallets"),
    path("wallets/add/", views_wallet_add.add_page, name="wallet-add"),
    path("wallets/<str:wallet_id>/", views_wallets.edit_page, name="wallet"),
    path("wallets/<str:wallet_id>/monitor/", views_wallets.monitor, name="wallet-monitor"),
    path("wallets/<str:wallet_id>/remove/", views_wallets.remove, name="wallet-remove"),
    path("inbox/", views_inbox.list_page, name="inbox"),
    path("inbox/<str:item_id>/", views_inbox.detail_page, name="inbox-item"),
    path("inbox/<str:item_id>/remedy/", views_inbox.try_remedy, name="inbox-remedy"),
    path("inbox/<str:item_id>/waive/", views_inbox.waive, name="inbox-waive"),
    path("fragments/inbox/", views_inbox.rows_fragment, name="inbox-fragment"),
    path("fragments/inbox-badge/", views_inbox.badge_fragment, name="inbox-badge"),
    path("fragments/inbox/<str:item_id>/", views_inbox.detail_fragment, name="inbox-item-fragment"),
    path("transactions/", views_transactions.list_page, name="transactions"),
    path("transactions/<str:transaction_id>/", views_transactions.detail_page, name="transaction"),
    path("journal/", views_journal.list_page, name="journal"),
    path("journal/<str:entry_id>/", views_journal.detail_page, name="journal-entry"),
    path("trial-balance/", views_journal.trial_balance_page, name="trial-balance"),
    path("fragments/overview/figures/", views_overview.figures_fragment, name="figures-fragment"),
    path("fragments/overview/balances/", views_overview.balances_fragment, name="balances-fragment"),
    path("fragments/overview/movements/", views_overview.movements_fragment, name="movements-fragment"),
    path("fragments/overview/networks/", views_overview.networks_fragment, name="networks-fragment"),
    path("fragments/overview/value/", views_overview.value_series, name="value-series"),
    path("fragments/wallets/", views_wallets.rows_fragment, name="wallets-fragment"),
    path("fragments/transactions/", views_transactions.rows_fragment, name="transactions-fragment"),
    path("fragments/transactions/<str:transaction_id>/", views_transactions.detail_fragment, name="transaction-fragment"),
    path("fragments/journal/", views_journal.rows_fragment, name="journal-fragment"),
    path("fragments/trial-balance/", views_journal.trial_balance_fragment, name="trial-balance-fragment"),
    *urls_payments.pages,
    *urls_organization.pages,
]

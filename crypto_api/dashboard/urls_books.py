"""Pages of the books."""

from django.urls import path

from crypto_api.dashboard import views_accounts, views_entry, views_journal

pages = [
    path("journal/", views_journal.list_page, name="journal"),
    path("journal/new/", views_entry.new_page, name="journal-new"),
    path("journal/<str:entry_id>/", views_entry.detail_page, name="journal-entry"),
    path("journal/<str:entry_id>/edit/", views_entry.edit_page, name="journal-edit"),
    path("journal/<str:entry_id>/post/", views_entry.post, name="journal-post"),
    path("journal/<str:entry_id>/approve/", views_entry.approve, name="journal-approve"),
    path("journal/<str:entry_id>/reverse/", views_entry.reverse, name="journal-reverse"),
    path("journal/<str:entry_id>/delete/", views_entry.delete, name="journal-delete"),
    path("accounts/", views_accounts.list_page, name="accounts"),
    path("accounts/add/", views_accounts.add_page, name="account-add"),
    path("accounts/export/", views_accounts.export, name="accounts-export"),
    path("accounts/import/", views_accounts.import_page, name="accounts-import"),
    path("accounts/<str:account_id>/", views_accounts.account_page, name="account"),
    path("accounts/<str:account_id>/remove/", views_accounts.remove, name="account-remove"),
    path("fragments/accounts/", views_accounts.lines_fragment, name="accounts-fragment"),
    path("trial-balance/", views_journal.trial_balance_page, name="trial-balance"),
    path("fragments/journal/", views_journal.rows_fragment, name="journal-fragment"),
    path("fragments/journal/<str:entry_id>/", views_entry.detail_fragment, name="journal-entry-fragment"),
    path("fragments/trial-balance/", views_journal.trial_balance_fragment, name="trial-balance-fragment"),
]

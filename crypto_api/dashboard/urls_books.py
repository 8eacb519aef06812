"""Pages of the books."""

from django.urls import path

from crypto_api.dashboard import views_accounts, views_closing, views_entry, views_exports, views_journal, views_ledger

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
    path("trial-balance/", views_ledger.trial_balance_page, name="trial-balance"),
    path("general-ledger/", views_ledger.general_ledger_page, name="general-ledger"),
    path("ledger-seals/", views_ledger.export, name="seals-export"),
    path("exports/", views_exports.exports_page, name="exports"),
    path("exports/books/", views_exports.books_file, name="exports-books"),
    path("exports/trial-balance/", views_exports.trial_balance_file, name="exports-trial-balance"),
    path("exports/general-ledger/", views_exports.general_ledger_file, name="exports-general-ledger"),
    path("fragments/general-ledger/", views_ledger.general_ledger_fragment, name="general-ledger-fragment"),
    path("closing/", views_closing.list_page, name="closing"),
    path("closing/<str:period>/", views_closing.month_page, name="closing-month"),
    path("closing/<str:period>/close/", views_closing.close, name="closing-close"),
    path("closing/<str:period>/reopen/", views_closing.reopen, name="closing-reopen"),
    path("closing/<str:period>/certificate/", views_closing.certificate_page, name="closing-certificate"),
    path("closing/<str:period>/certificate/pdf/", views_closing.certificate_pdf, name="closing-certificate-pdf"),
    path("fragments/closing/", views_closing.months_fragment, name="closing-fragment"),
    path("fragments/closing/<str:period>/", views_closing.checks_fragment, name="closing-checks"),
    path("fragments/journal/", views_journal.rows_fragment, name="journal-fragment"),
    path("fragments/journal/<str:entry_id>/", views_entry.detail_fragment, name="journal-entry-fragment"),
    path("fragments/trial-balance/", views_ledger.trial_balance_fragment, name="trial-balance-fragment"),
]

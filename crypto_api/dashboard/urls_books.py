"""Pages of the books."""

from django.urls import path

from crypto_api.dashboard import views_entry, views_journal

pages = [
    path("journal/", views_journal.list_page, name="journal"),
    path("journal/new/", views_entry.new_page, name="journal-new"),
    path("journal/<str:entry_id>/", views_entry.detail_page, name="journal-entry"),
    path("journal/<str:entry_id>/edit/", views_entry.edit_page, name="journal-edit"),
    path("journal/<str:entry_id>/post/", views_entry.post, name="journal-post"),
    path("journal/<str:entry_id>/approve/", views_entry.approve, name="journal-approve"),
    path("journal/<str:entry_id>/reverse/", views_entry.reverse, name="journal-reverse"),
    path("journal/<str:entry_id>/delete/", views_entry.delete, name="journal-delete"),
    path("trial-balance/", views_journal.trial_balance_page, name="trial-balance"),
    path("fragments/journal/", views_journal.rows_fragment, name="journal-fragment"),
    path("fragments/journal/<str:entry_id>/", views_entry.detail_fragment, name="journal-entry-fragment"),
    path("fragments/trial-balance/", views_journal.trial_balance_fragment, name="trial-balance-fragment"),
]

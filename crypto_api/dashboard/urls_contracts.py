"""Pages of the registry of contracts."""

from django.urls import path

from crypto_api.dashboard import views_contracts

pages = [
    path("contracts/", views_contracts.list_page, name="contracts"),
    path("contracts/register/", views_contracts.register_page, name="contract-register"),
    path("contracts/<str:contract_id>/", views_contracts.detail_page, name="contract"),
    path("contracts/<str:contract_id>/refresh/", views_contracts.refresh, name="contract-refresh"),
    path("contracts/<str:contract_id>/edit/", views_contracts.edit_page, name="contract-edit"),
    path("contracts/<str:contract_id>/verify/", views_contracts.verify_page, name="contract-verify"),
    path("contracts/<str:contract_id>/call/", views_contracts.call_function, name="contract-call"),
    path("contracts/<str:contract_id>/write/", views_contracts.write_function, name="contract-write"),
    path("fragments/contracts/", views_contracts.rows_fragment, name="contracts-fragment"),
    path("fragments/contracts/<str:contract_id>/", views_contracts.detail_fragment, name="contract-fragment"),
]

"""Pages of the registry of contracts, and of their audits."""

from django.urls import path

from crypto_api.dashboard import views_contract_audits, views_contracts

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
    path("audits/", views_contract_audits.list_page, name="audits"),
    path("audits/order/", views_contract_audits.order_page, name="audit-order"),
    path("audits/<str:audit_id>/", views_contract_audits.detail_page, name="audit"),
    path("audits/<str:audit_id>/pdf/", views_contract_audits.pdf, name="audit-pdf"),
    path("audits/<str:audit_id>/cancel/", views_contract_audits.cancel, name="audit-cancel"),
    path("audits/<str:audit_id>/retry/", views_contract_audits.retry, name="audit-retry"),
    path("audits/<str:audit_id>/findings/<str:finding_id>/suppress/", views_contract_audits.suppress, name="finding-suppress"),
    path("audits/<str:audit_id>/findings/<str:finding_id>/reopen/", views_contract_audits.reopen, name="finding-reopen"),
    path("fragments/audits/", views_contract_audits.rows_fragment, name="audits-fragment"),
    path("fragments/audit-figures/", views_contract_audits.figures_fragment, name="audit-figures"),
    path("fragments/audits/<str:audit_id>/", views_contract_audits.detail_fragment, name="audit-body"),
]

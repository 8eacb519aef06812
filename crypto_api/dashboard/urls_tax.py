"""Pages of the tax centre."""

from django.urls import path

from crypto_api.dashboard import views_lot_policy, views_tax

pages = [
    path("lot-policy/", views_lot_policy.policy_page, name="lot-policy"),
    path("lot-policy/change/", views_lot_policy.change_page, name="lot-policy-change"),
    path("lot-policy/decide/", views_lot_policy.decide, name="lot-policy-decide"),
    path("lot-policy/withdraw/", views_lot_policy.withdraw, name="lot-policy-withdraw"),
    path("fragments/lot-policy/", views_lot_policy.rules_fragment, name="lot-policy-fragment"),
    path("fragments/lot-policy/proposal/", views_lot_policy.proposal_fragment, name="lot-policy-proposal-fragment"),
    path("fragments/lot-policy/effect/", views_lot_policy.effect_fragment, name="lot-policy-effect-fragment"),
    path("tax/", views_tax.list_page, name="tax"),
    path("tax/generate/", views_tax.generate, name="tax-generate"),
    path("tax/<str:report_id>/", views_tax.detail_page, name="tax-report"),
    path("tax/<str:report_id>/delete/", views_tax.delete, name="tax-delete"),
    path("tax/<str:report_id>/pdf/", views_tax.file, {"form": "pdf"}, name="tax-pdf"),
    path("tax/<str:report_id>/xlsx/", views_tax.file, {"form": "xlsx"}, name="tax-xlsx"),
    path("tax/<str:report_id>/csv/", views_tax.file, {"form": "csv"}, name="tax-csv"),
    path("fragments/tax/", views_tax.rows_fragment, name="tax-fragment"),
    path("fragments/tax/<str:report_id>/", views_tax.detail_fragment, name="tax-report-fragment"),
    path("fragments/tax/<str:report_id>/disposals/", views_tax.part_fragment, name="tax-disposals-fragment"),
]

"""Pages of the tax centre."""

from django.urls import path

from crypto_api.dashboard import views_tax

pages = [
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

"""Pages of statements."""

from django.urls import path

from crypto_api.dashboard import views_statements

pages = [
    path("statements/", views_statements.list_page, name="statements"),
    path("statements/make/", views_statements.make, name="statement-make"),
    path("statements/<str:report_id>/", views_statements.detail_page, name="statement"),
    path("statements/<str:report_id>/pdf/", views_statements.file, {"form": "pdf"}, name="statement-pdf"),
    path("statements/<str:report_id>/xlsx/", views_statements.file, {"form": "xlsx"}, name="statement-xlsx"),
    path("statements/<str:report_id>/csv/", views_statements.file, {"form": "csv"}, name="statement-csv"),
    path("statements/<str:report_id>/rows/", views_statements.behind_page, name="statement-behind"),
    path("fragments/statements/", views_statements.rows_fragment, name="statements-fragment"),
]

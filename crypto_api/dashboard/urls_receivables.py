"""Pages of getting paid: clients and invoices."""

from django.urls import path

from crypto_api.dashboard import views_clients, views_invoice_editor, views_invoice_settings, views_invoices

pages = [
    path("invoices/", views_invoices.list_page, name="invoices"),
    path("invoices/new/", views_invoice_editor.new_page, name="invoice-new"),
    path("invoices/settings/", views_invoice_settings.settings_page, name="invoice-settings"),
    path("invoices/settings/sample/", views_invoice_settings.sample_file, name="invoice-sample"),
    path("invoices/settings/logo/", views_invoice_settings.logo_file, name="invoice-logo"),
    path("invoices/settings/logo/put/", views_invoice_settings.put_logo, name="invoice-logo-put"),
    path("invoices/settings/logo/remove/", views_invoice_settings.remove_logo, name="invoice-logo-remove"),
    path("invoices/<str:invoice_id>/", views_invoices.invoice_page, name="invoice"),
    path("invoices/<str:invoice_id>/edit/", views_invoice_editor.edit_page, name="invoice-edit"),
    path("invoices/<str:invoice_id>/delete/", views_invoice_editor.delete, name="invoice-delete"),
    path("invoices/<str:invoice_id>/invoice/", views_invoice_editor.make_invoice, name="invoice-of-quote"),
    path("invoices/<str:invoice_id>/pdf/", views_invoices.invoice_file, name="invoice-file"),
    path("invoices/<str:invoice_id>/send/", views_invoices.send, name="invoice-send"),
    path("invoices/<str:invoice_id>/mail/", views_invoices.mail, name="invoice-mail"),
    path("invoices/<str:invoice_id>/pay/", views_invoices.pay, name="invoice-pay"),
    path("invoices/<str:invoice_id>/cancel/", views_invoices.cancel, name="invoice-cancel"),
    path("invoices/<str:invoice_id>/credit/", views_invoices.credit, name="invoice-credit"),
    path("fragments/invoices/", views_invoices.rows_fragment, name="invoices-fragment"),
    path("fragments/invoices/preview/", views_invoice_editor.preview_fragment, name="invoice-preview-fragment"),
    path("fragments/invoices/aging/", views_invoices.aging_fragment, name="aging-fragment"),
    path("fragments/invoices/<str:invoice_id>/", views_invoices.invoice_fragment, name="invoice-fragment"),
    path("clients/", views_clients.list_page, name="clients"),
    path("clients/add/", views_clients.add_page, name="client-add"),
    path("clients/<str:client_id>/", views_clients.client_page, name="client"),
    path("clients/<str:client_id>/edit/", views_clients.edit_page, name="client-edit"),
    path("clients/<str:client_id>/remove/", views_clients.remove, name="client-remove"),
    path("clients/<str:client_id>/restore/", views_clients.restore, name="client-restore"),
    path("fragments/clients/", views_clients.rows_fragment, name="clients-fragment"),
    path("fragments/clients/<str:client_id>/", views_clients.client_fragment, name="client-fragment"),
]

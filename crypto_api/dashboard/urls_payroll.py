"""Pages of paying people: payrolls, payslips, what somebody earns, what recurs, and everybody's own."""

from django.urls import path

from crypto_api.dashboard import views_pay_profile, views_payroll, views_payslips, views_recurring, views_tax_tables

pages = [
    path("payroll/", views_payroll.list_page, name="payroll"),
    path("payroll/add/", views_payroll.add_page, name="payroll-add"),
    path("payroll/tax-tables/", views_tax_tables.list_page, name="tax-tables"),
    path("payroll/tax-tables/add/", views_tax_tables.add_page, name="tax-table-add"),
    path("payroll/<str:period_id>/", views_payroll.run_page, name="payroll-run"),
    path("payroll/<str:period_id>/process/", views_payroll.process, name="payroll-process"),
    path("payroll/<str:period_id>/approve/", views_payroll.approve, name="payroll-approve"),
    path("payroll/<str:period_id>/pay/", views_payroll.pay, name="payroll-pay"),
    path("payroll/<str:period_id>/approve-payments/", views_payroll.approve_payments, name="payroll-approve-payments"),
    path("fragments/payroll/", views_payroll.rows_fragment, name="payroll-fragment"),
    path("fragments/payroll/<str:period_id>/", views_payroll.run_fragment, name="payroll-run-fragment"),
    path("pay-profiles/<str:employee_id>/", views_pay_profile.profile_page, name="pay-profile"),
    path("payslips/verify/<str:token>/", views_payslips.verify_page, name="payslip-verify"),
    path("payslips/<str:payslip_id>/", views_payslips.payslip_page, name="payslip"),
    path("payslips/<str:payslip_id>/pdf/", views_payslips.payslip_pdf, name="payslip-pdf"),
    path("payslips/<str:payslip_id>/adjust/", views_payslips.adjust, name="payslip-adjust"),
    path("payslips/<str:payslip_id>/send/", views_payslips.send, name="payslip-send"),
    path("payslips/<str:payslip_id>/paid/", views_payslips.paid_by_hand, name="payslip-paid"),
    path("fragments/payslips/<str:payslip_id>/", views_payslips.payslip_fragment, name="payslip-fragment"),
    path("recurring-payments/", views_recurring.list_page, name="recurring-payments"),
    path("recurring-payments/add/", views_recurring.add_page, name="recurring-add"),
    path("recurring-payments/<str:recurring_id>/", views_recurring.recurring_page, name="recurring"),
    path("recurring-payments/<str:recurring_id>/pause/", views_recurring.pause, name="recurring-pause"),
    path("recurring-payments/<str:recurring_id>/end/", views_recurring.end, name="recurring-end"),
    path("fragments/recurring-payments/", views_recurring.rows_fragment, name="recurring-fragment"),
    path("my-pay/", views_payslips.own_page, name="my-pay"),
    path("my-pay/wallet/", views_payslips.own_wallet, name="my-pay-wallet"),
    path("my-pay/<str:payslip_id>/", views_payslips.own_payslip_page, name="my-payslip"),
    path("my-pay/<str:payslip_id>/download/", views_payslips.own_download, name="my-payslip-download"),
]

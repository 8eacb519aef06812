"""Pages of paying people: payrolls, payslips, what somebody earns, and everybody's own."""

from django.urls import path

from crypto_api.dashboard import views_pay_profile, views_payroll, views_payslips

pages = [
    path("payroll/", views_payroll.list_page, name="payroll"),
    path("payroll/add/", views_payroll.add_page, name="payroll-add"),
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
    path("payslips/<str:payslip_id>/send/", views_payslips.send, name="payslip-send"),
    path("payslips/<str:payslip_id>/paid/", views_payslips.paid_by_hand, name="payslip-paid"),
    path("fragments/payslips/<str:payslip_id>/", views_payslips.payslip_fragment, name="payslip-fragment"),
    path("my-pay/", views_payslips.own_page, name="my-pay"),
    path("my-pay/wallet/", views_payslips.own_wallet, name="my-pay-wallet"),
    path("my-pay/<str:payslip_id>/", views_payslips.own_payslip_page, name="my-payslip"),
    path("my-pay/<str:payslip_id>/download/", views_payslips.own_download, name="my-payslip-download"),
]

"""Pages of paying: payments, approvals, address book and payment policy."""

from django.urls import path

from crypto_api.dashboard import views_address_book, views_approvals, views_composer, views_payments, views_policy

pages = [
    path("payments/", views_payments.list_page, name="payments"),
    path("payments/new/", views_composer.new_page, name="payment-new"),
    path("payments/<str:payment_id>/", views_payments.detail_page, name="payment"),
    path("payments/<str:payment_id>/approve/", views_payments.approve, name="payment-approve"),
    path("payments/<str:payment_id>/reject/", views_payments.reject, name="payment-reject"),
    path("payments/<str:payment_id>/submit/", views_payments.submit, name="payment-submit"),
    path("payments/<str:payment_id>/cancel/", views_payments.cancel, name="payment-cancel"),
    path("payments/<str:payment_id>/speed-up/", views_payments.speed_up, name="payment-speed-up"),
    path("payments/<str:payment_id>/resume/", views_payments.resume, name="payment-resume"),
    path("payments/<str:payment_id>/for-wallet/", views_payments.for_wallet, name="payment-for-wallet"),
    path("payments/<str:payment_id>/sent/", views_payments.sent, name="payment-sent"),
    path("approvals/", views_approvals.queue_page, name="approvals"),
    path("address-book/", views_address_book.list_page, name="address-book"),
    path("address-book/add/", views_address_book.add_page, name="payee-add"),
    path("address-book/<str:payee_id>/", views_address_book.payee_page, name="payee"),
    path("address-book/<str:payee_id>/verify/", views_address_book.verify_page, name="payee-verify"),
    path("address-book/<str:payee_id>/remove/", views_address_book.remove, name="payee-remove"),
    path("payment-policy/", views_policy.policy_page, name="payment-policy"),
    path("payment-policy/change/", views_policy.change_page, name="payment-policy-change"),
    path("payment-policy/decide/", views_policy.decide, name="payment-policy-decide"),
    path("fragments/payments/", views_payments.rows_fragment, name="payments-fragment"),
    path("fragments/payments/choices/", views_composer.choices_fragment, name="payment-choices-fragment"),
    path("fragments/payments/<str:payment_id>/", views_payments.detail_fragment, name="payment-fragment"),
    path("fragments/approvals/", views_approvals.queue_fragment, name="approvals-fragment"),
    path("fragments/approvals-count/", views_approvals.count_fragment, name="approvals-count-fragment"),
    path("fragments/address-book/", views_address_book.rows_fragment, name="address-book-fragment"),
    path("fragments/address-book/<str:payee_id>/", views_address_book.payee_fragment, name="payee-fragment"),
    path("fragments/payment-policy/", views_policy.policy_fragment, name="payment-policy-fragment"),
]

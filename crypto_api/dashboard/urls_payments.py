"""Pages of paying: payments, approvals, address book and payment policy."""

from django.urls import path

from crypto_api.dashboard import views_address_book, views_policy

pages = [
    path("address-book/", views_address_book.list_page, name="address-book"),
    path("address-book/add/", views_address_book.add_page, name="payee-add"),
    path("address-book/<str:payee_id>/", views_address_book.payee_page, name="payee"),
    path("address-book/<str:payee_id>/verify/", views_address_book.verify_page, name="payee-verify"),
    path("address-book/<str:payee_id>/remove/", views_address_book.remove, name="payee-remove"),
    path("payment-policy/", views_policy.policy_page, name="payment-policy"),
    path("payment-policy/change/", views_policy.change_page, name="payment-policy-change"),
    path("payment-policy/decide/", views_policy.decide, name="payment-policy-decide"),
    path("fragments/address-book/", views_address_book.rows_fragment, name="address-book-fragment"),
    path("fragments/address-book/<str:payee_id>/", views_address_book.payee_fragment, name="payee-fragment"),
    path("fragments/payment-policy/", views_policy.policy_fragment, name="payment-policy-fragment"),
]

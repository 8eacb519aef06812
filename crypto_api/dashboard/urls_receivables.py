"""Pages of getting paid: clients."""

from django.urls import path

from crypto_api.dashboard import views_clients

pages = [
    path("clients/", views_clients.list_page, name="clients"),
    path("clients/add/", views_clients.add_page, name="client-add"),
    path("clients/<str:client_id>/", views_clients.client_page, name="client"),
    path("clients/<str:client_id>/edit/", views_clients.edit_page, name="client-edit"),
    path("clients/<str:client_id>/remove/", views_clients.remove, name="client-remove"),
    path("clients/<str:client_id>/restore/", views_clients.restore, name="client-restore"),
    path("fragments/clients/", views_clients.rows_fragment, name="clients-fragment"),
    path("fragments/clients/<str:client_id>/", views_clients.client_fragment, name="client-fragment"),
]

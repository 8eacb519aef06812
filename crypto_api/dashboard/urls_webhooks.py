"""Pages of webhooks."""

from django.urls import path

from crypto_api.dashboard import views_webhooks

pages = [
    path("webhooks/", views_webhooks.list_page, name="webhooks"),
    path("webhooks/add/", views_webhooks.add, name="webhook-add"),
    path("webhooks/deliveries/<str:delivery_id>/replay/", views_webhooks.replay, name="webhook-replay"),
    path("webhooks/<str:webhook_id>/", views_webhooks.webhook_page, name="webhook"),
    path("webhooks/<str:webhook_id>/edit/", views_webhooks.edit, name="webhook-edit"),
    path("webhooks/<str:webhook_id>/pause/", views_webhooks.pause, name="webhook-pause"),
    path("webhooks/<str:webhook_id>/resume/", views_webhooks.resume, name="webhook-resume"),
    path("webhooks/<str:webhook_id>/test/", views_webhooks.test, name="webhook-test"),
    path("webhooks/<str:webhook_id>/secret/", views_webhooks.secret_page, name="webhook-secret"),
    path("webhooks/<str:webhook_id>/rotate/", views_webhooks.rotate, name="webhook-rotate"),
    path("webhooks/<str:webhook_id>/delete/", views_webhooks.delete, name="webhook-delete"),
    path("fragments/webhooks/", views_webhooks.rows_fragment, name="webhooks-fragment"),
    path("fragments/webhooks/<str:webhook_id>/", views_webhooks.log_fragment, name="webhook-log-fragment"),
]

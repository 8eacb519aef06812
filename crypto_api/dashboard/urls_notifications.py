"""Pages of notices."""

from django.urls import path

from crypto_api.dashboard import views_notifications

pages = [
    path("notifications/", views_notifications.list_page, name="notifications"),
    path("notifications/preferences/", views_notifications.preferences_page, name="notification-preferences"),
    path("notifications/read/", views_notifications.read_all, name="notifications-read"),
    path("notifications/unread/", views_notifications.unread_again, name="notifications-unread"),
    path("notifications/<str:notification_id>/open/", views_notifications.open_one, name="notification-open"),
    path("notifications/<str:notification_id>/delete/", views_notifications.delete, name="notification-delete"),
    path("fragments/notifications/", views_notifications.rows_fragment, name="notifications-fragment"),
    path("fragments/notifications-badge/", views_notifications.badge_fragment, name="notifications-badge"),
]

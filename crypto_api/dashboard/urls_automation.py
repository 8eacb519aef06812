"""Pages of what works by itself, and of the consoles."""

from django.urls import path

from crypto_api.dashboard import views_automation, views_consoles

pages = [
    path("automation/", views_automation.automation_page, name="automation"),
    path("automation/switch/", views_automation.switch, name="automation-switch"),
    path("automation/run/", views_automation.run_now, name="automation-run"),
    path("automation/clear-cache/", views_automation.clear_cache, name="automation-clear-cache"),
    path("dead-letters/", views_automation.dead_letters_page, name="dead-letters"),
    path("dead-letters/<str:dead_letter_id>/replay/", views_automation.replay_letter, name="dead-letter-replay"),
    path("dead-letters/<str:dead_letter_id>/discard/", views_automation.discard_letter, name="dead-letter-discard"),
    path("platform/automation/", views_automation.platform_automation_page, name="platform-automation"),
    path("platform/automation/switch/", views_automation.platform_switch, name="platform-automation-switch"),
    path("platform/automation/run/", views_automation.platform_run_now, name="platform-automation-run"),
    path("platform/automation/clear-cache/", views_automation.platform_clear_cache, name="platform-automation-clear-cache"),
    path("platform/dead-letters/", views_automation.platform_dead_letters_page, name="platform-dead-letters"),
    path("platform/dead-letters/<str:dead_letter_id>/replay/", views_automation.platform_replay_letter, name="platform-dead-letter-replay"),
    path("platform/dead-letters/<str:dead_letter_id>/discard/", views_automation.platform_discard_letter, name="platform-dead-letter-discard"),
    path("tasks/", views_consoles.tasks_page, name="tasks"),
    path("tasks/<str:task_id>/cancel/", views_consoles.cancel_task, name="task-cancel"),
    path("tasks/<str:task_id>/retry/", views_consoles.retry_task, name="task-retry"),
    path("statistics/", views_consoles.statistics_page, name="statistics"),
    path("users-online/", views_consoles.users_page, name="users-online"),
    path("users-online/<str:user_id>/end-sessions/", views_consoles.end_sessions, name="user-end-sessions"),
    path("users-online/<str:user_id>/lift-lock-out/", views_consoles.lift, name="user-lift-lock-out"),
    path("fragments/automation/", views_automation.automation_fragment, name="automation-fragment"),
    path("fragments/dead-letters/", views_automation.dead_letters_fragment, name="dead-letters-fragment"),
    path("fragments/platform/automation/", views_automation.platform_automation_fragment, name="platform-automation-fragment"),
    path("fragments/platform/dead-letters/", views_automation.platform_dead_letters_fragment, name="platform-dead-letters-fragment"),
    path("fragments/tasks/", views_consoles.tasks_fragment, name="tasks-fragment"),
    path("fragments/statistics/", views_consoles.statistics_fragment, name="statistics-fragment"),
    path("fragments/users-online/", views_consoles.users_fragment, name="users-online-fragment"),
]

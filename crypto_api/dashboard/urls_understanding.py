"""Pages of understanding: the review queue, and the rules."""

from django.urls import path

from crypto_api.dashboard import views_review, views_rules

pages = [
    path("review/", views_review.review_page, name="review"),
    path("review/accept/", views_review.accept, name="review-accept"),
    path("review/say/", views_review.say, name="review-say"),
    path("fragments/review/", views_review.rows_fragment, name="review-fragment"),
    path("classification-rules/", views_rules.rules_page, name="classification-rules"),
    path("classification-rules/new/", views_rules.new_page, name="classification-rule-new"),
    path("classification-rules/apply/", views_rules.apply, name="classification-rules-apply"),
    path("classification-rules/<str:rule_id>/", views_rules.edit_page, name="classification-rule"),
    path("classification-rules/<str:rule_id>/move/", views_rules.move, name="classification-rule-move"),
    path("classification-rules/<str:rule_id>/switch/", views_rules.switch, name="classification-rule-switch"),
    path("classification-rules/<str:rule_id>/delete/", views_rules.delete, name="classification-rule-delete"),
    path("fragments/classification-rules/", views_rules.rows_fragment, name="classification-rules-fragment"),
    path("fragments/classification-rules/preview/", views_rules.preview_fragment, name="classification-rule-preview"),
]

"""Django opens and closes database connections around every request, in a thread. There is no database here."""

from django import db
from django.core.signals import request_finished, request_started


def without_database_signals() -> None:
    request_started.disconnect(db.reset_queries)
    request_started.disconnect(db.close_old_connections)
    request_finished.disconnect(db.close_old_connections)

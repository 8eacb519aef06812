"""Errors of the slice."""

from crypto_api.kit.errors import Conflict
from crypto_api.saved_views.types import VIEWS_MAX


class ViewExists(Conflict):
    code = "view_exists"

    def __init__(self) -> None:
        super().__init__("You have a view with this name already. Choose another name, or delete that one first.")


class TooManyViews(Conflict):
    code = "too_many_views"

    def __init__(self) -> None:
        super().__init__(f"You keep {VIEWS_MAX} views already. Delete one that you no longer use.")

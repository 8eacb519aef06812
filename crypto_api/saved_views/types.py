"""Values of the slice."""

VIEWS_MAX = 50
"""Views that a person may keep in an organisation."""
NAME_MAX = 60

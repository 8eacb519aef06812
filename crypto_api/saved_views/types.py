"""Values of the slice."""

VIEWS_MAX = 50
"""Views that a person may keep of one list in an organisation."""
TRANSACTIONS = "transactions"
NAME_MAX = 60

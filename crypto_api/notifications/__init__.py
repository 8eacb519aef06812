"""Telling people what concerns them: on every page, and by letter where they want that."""

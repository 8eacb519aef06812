"""How numbers stand in each language, where that differs from Django's own."""

"""What clients pay in crypto: requests for it, what came, and what became of it."""

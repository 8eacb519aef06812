"""What is held, what it is worth and how it did: a reader across the books. It changes nothing."""

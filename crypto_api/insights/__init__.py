"""What an organisation may want to know of its own movements: figures, and where each comes from."""

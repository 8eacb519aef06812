"""The people who work for an organisation: their place in it, their manager, and whether that manager has verified them."""

"""Lots: what was acquired when and at what cost, and what disposals took of it."""

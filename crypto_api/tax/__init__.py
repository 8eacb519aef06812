"""Tax: what was realised in a period, lot by lot, by a method."""

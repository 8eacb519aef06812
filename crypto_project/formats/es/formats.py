"""Numbers are written as they are read: see docs/decisions/0065-what-the-overview-reads.md."""

DECIMAL_SEPARATOR = "."
THOUSAND_SEPARATOR = ","
NUMBER_GROUPING = 3

"""What a template writes without a filter is for machines and stays plain: see docs/decisions/0071-numbers-as-the-page-writes-them.md."""

DECIMAL_SEPARATOR = "."
THOUSAND_SEPARATOR = ","
NUMBER_GROUPING = 3

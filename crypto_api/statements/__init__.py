"""Balance sheet, income statement and cash flow: computed from the books as they are known at an instant, and kept."""

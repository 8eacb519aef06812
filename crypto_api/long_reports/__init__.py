"""Reports that take longer than a request may: ordered, made by a worker, kept for some days."""

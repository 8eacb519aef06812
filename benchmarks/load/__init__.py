"""What a whole installation carries, where it ends, and what ends it: `python -m benchmarks.load` (docs/proof/load.md)."""

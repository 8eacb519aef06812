"""The product. Imports point down only; `docs/architecture.md` names the order and `pyproject.toml` has a machine check it."""

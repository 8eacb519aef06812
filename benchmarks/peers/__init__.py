"""Other programmes that follow a chain, on the same chain, in the same run."""

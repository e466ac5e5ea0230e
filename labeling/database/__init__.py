"""How rows are written: transactions that are done again, and many rows at once."""

"""How good people and their judgments are."""

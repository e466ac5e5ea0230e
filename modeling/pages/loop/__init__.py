"""Pages of the loop: its state, rounds, selection."""

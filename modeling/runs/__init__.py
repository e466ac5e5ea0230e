"""One run: its row, its folder, its program."""

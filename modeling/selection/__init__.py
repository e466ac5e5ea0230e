"""Which pair is worth a label."""

"""Pages of policies: versions, samples, the guard."""

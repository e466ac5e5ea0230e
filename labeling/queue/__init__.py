"""Which comparison a labeler gets next, for how long, and what is still to come."""

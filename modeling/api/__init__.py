"""REST endpoints of the learning side."""

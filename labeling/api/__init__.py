"""REST endpoints by subject, for engineers."""

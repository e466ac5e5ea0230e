"""What stands in a run's config.json and result.json: a frozen dataclass per program and file."""

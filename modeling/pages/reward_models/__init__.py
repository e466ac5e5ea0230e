"""Pages of reward models: versions, reports, playground."""

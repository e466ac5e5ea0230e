"""Which policy is in service, and whether a new one is better."""

"""Projects over the API: made, set, what labelers read in them, what was done in them."""

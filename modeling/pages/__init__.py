"""HTML pages about models and learning: the loop, runs, policies."""

"""Made-up labelers, and what comes of their rounds."""

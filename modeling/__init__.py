"""Models and learning: policies, reward models, runs and rounds."""

"""The demo: a made-up world, its policy and its project."""

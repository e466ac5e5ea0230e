"""Tells other programs, by signed requests, what happens in a project."""

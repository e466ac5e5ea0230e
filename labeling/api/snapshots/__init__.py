"""Snapshots over HTTP: taken, downloaded, compared, pushed."""

"""Judgments become triples, and triples become snapshots and exports."""

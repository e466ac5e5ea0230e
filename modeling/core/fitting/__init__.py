"""Fitting a reward model: by fine-tuning, or a head on frozen features."""

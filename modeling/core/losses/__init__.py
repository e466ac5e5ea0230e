"""Losses and advantages: pure maths of tensors."""

"""Improving a policy: PPO, RLOO, best of n, DPO."""

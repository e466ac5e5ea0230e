"""Rewards and features of packed rows."""

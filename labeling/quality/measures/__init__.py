"""Measures of judgments: pure functions on plain numbers, without a database or a clock."""

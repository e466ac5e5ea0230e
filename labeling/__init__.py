"""People and data: projects, hand-outs, judgments and preferences. Never imports modeling."""

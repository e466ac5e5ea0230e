"""What a training of a reward model is: settings, parts, state, report."""

"""The models that an update reads: policy, reference, value, reward."""

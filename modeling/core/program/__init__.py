"""What every program has: its folder, files, devices, checkpoints, errors."""

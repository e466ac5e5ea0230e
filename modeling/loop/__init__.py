"""What happens next in a project."""

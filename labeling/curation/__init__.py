"""What curators find, doubt, flag, set aside and take out."""

"""Pages of members, invitations and accounts."""

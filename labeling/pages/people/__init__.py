"""Pages of accounts, members and invitations."""

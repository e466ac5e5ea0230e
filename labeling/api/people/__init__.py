"""The people of a project over the API: members, what is decided about them, invitations."""

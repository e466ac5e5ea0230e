"""Who may do what, and who did what: access, members, invitations, habits, audit."""

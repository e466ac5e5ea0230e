"""Who somebody is: accounts, tokens, the demo's door, and limits for those who try."""

"""Named snapshots: taken by hand, compared, described by a card, pushed to the hub."""

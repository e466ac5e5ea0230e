"""The shapes in which preferences leave: what a row holds for each trainer, and files of rows."""

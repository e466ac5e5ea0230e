"""HTML pages by subject: what a labeler, curator or admin opens in a browser."""

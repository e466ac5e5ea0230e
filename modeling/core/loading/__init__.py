"""Model folders: trunks, heads, adapters; read, checked, exported."""

"""Data sets of a hub by their id: which of their files hold a split, and the download of these.

Files of rows are read by our own readers. Code of a repository is never run, and nothing but the
hub's own address (`HF_ENDPOINT`) is asked: an id is a name there, no path and no address.
"""

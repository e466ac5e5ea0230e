"""Seeds that depend on what they are for and on nothing else, such as the order of work."""

import hashlib


def derive_seed(seed: int, identifier: str, sample: int) -> int:
    """Derive the seed of one response, of 63 bits, from what it is for: no order of work enters."""
    digest = hashlib.sha256(f"{seed}:{sample}:{identifier}".encode()).digest()
    return int.from_bytes(digest[:8]) >> 1

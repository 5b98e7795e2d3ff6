"""Who may change an instance: whoever shows the secret it was registered with, of which only a digest is kept."""

from __future__ import annotations

import hashlib


def owner_digest(secret: str) -> bytes:
    """What the registry keeps of an owner secret. Secrets are long and random, so one round of BLAKE2b is enough."""
    return (
        hashlib.blake2b(secret.encode(), digest_size=16, person=b"muster-owner").digest() if secret else b""
    )

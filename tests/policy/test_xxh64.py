"""XXH64 against the vectors of its specification and of the `xxhash` package's documentation."""

import pytest

from muster.policy.xxh64 import xxh64


@pytest.mark.parametrize(
    ("data", "start", "expected"),
    [
        (b"", 0, 0xEF46DB3751D8E999),
        (b"a", 0, 0xD24EC4F1A98C6E5B),
        (b"abc", 0, 0x44BC2CF5AD770999),
        (b"xxhash", 0, 0x32DD38952C4BC720),
        (b"xxhash", 20141025, 13067679811253438005),
        (b"Nobody inspects the spammish repetition", 0, 0xFBCEA83C8A378BF1),
        (b"127.0.0.1:94_1", 0, 833437586790550860),  # the first entry of Envoy's test ring
    ],
)
def test_vectors(data: bytes, start: int, expected: int) -> None:
    assert xxh64(data, start) == expected


def test_every_length_and_seed_stays_within_64_bits() -> None:
    hashes = {xxh64(bytes(range(length)), seed) for length in range(100) for seed in (0, 1, (1 << 64) - 1)}
    assert len(hashes) == 300
    assert all(0 <= found < 1 << 64 for found in hashes)

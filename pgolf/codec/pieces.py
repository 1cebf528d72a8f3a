"""One string of bytes as the pieces it was joined from."""

from itertools import accumulate


def cut(data: bytes, sizes) -> list[bytes]:
    return [data[end - size : end] for end, size in zip(accumulate(sizes), sizes, strict=True)]

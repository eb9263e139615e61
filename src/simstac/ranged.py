"""A file that is read where it is, in blocks, as a binary file that any library can seek in."""

from __future__ import annotations

import io
from collections.abc import Buffer, Callable

BLOCK = 1 << 20


class RangedFile(io.RawIOBase):
    """A file whose bytes are fetched when they are asked for; blocks once fetched are kept until it is closed."""

    def __init__(self, size: int, fetch: Callable[[int, int], bytes], *, block: int = BLOCK) -> None:
        """Fetch nothing yet.

        Args:
            size: Bytes of the file.
            fetch: The bytes from a start up to an end.
            block: Bytes fetched at once.
        """
        self._size = size
        self._fetch = fetch
        self._block = block
        self._blocks: dict[int, bytes] = {}
        self._position = 0

    def prefetch(self) -> None:
        """Fetch the first block, where most of what tells of the rest is."""
        self._hold(0, min(self._block, self._size))

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Where the next byte is read."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go somewhere, counted from the start, from here or from the end."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: Buffer) -> int:
        """Fill a buffer from here on, as far as the file goes."""
        view = memoryview(buffer).cast("B")
        start, end = self._position, min(self._position + len(view), self._size)
        if end <= start:
            return 0
        self._hold(start, end)
        for number in range(start // self._block, (end - 1) // self._block + 1):
            first = number * self._block
            low, high = max(start, first), min(end, first + self._block)
            view[low - start : high - start] = self._blocks[number][low - first : high - first]
        self._position = end
        return end - start

    def close(self) -> None:
        """Let the blocks go."""
        self._blocks.clear()
        super().close()

    def _hold(self, start: int, end: int) -> None:
        """Fetch the blocks that are missing between two places, neighbours together."""
        missing = [each for each in range(start // self._block, -(-end // self._block)) if each not in self._blocks]
        while missing:
            run = 1
            while run < len(missing) and missing[run] == missing[0] + run:
                run += 1
            first, last = missing[0] * self._block, min((missing[0] + run) * self._block, self._size)
            data = self._fetch(first, last)
            for step in range(run):
                self._blocks[missing[0] + step] = data[step * self._block : (step + 1) * self._block]
            missing = missing[run:]

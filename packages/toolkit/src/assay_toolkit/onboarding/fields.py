"""Little-endian fields one after the other, as Android's signing block has them: lengths are believed after a check."""

import struct

from assay_toolkit.onboarding.artefact import ArtefactUnusable


class Fields:
    """Reads `data` from the front. `of`: what it is, for sentences. Raises ArtefactUnusable where it ends early."""

    def __init__(self, data: bytes, *, of: str) -> None:
        self._data = data
        self._at = 0
        self._of = of

    @property
    def left(self) -> int:
        """Bytes not read yet."""
        return len(self._data) - self._at

    def take(self, size: int) -> bytes:
        if size > self.left:
            raise ArtefactUnusable(f"is broken: {self._of} ends early")
        taken = self._data[self._at : self._at + size]
        self._at += size
        return taken

    def uint32(self) -> int:
        return int(struct.unpack("<I", self.take(4))[0])

    def uint64(self) -> int:
        return int(struct.unpack("<Q", self.take(8))[0])

    def prefixed(self) -> bytes:
        """As many bytes as the uint32 before them says."""
        return self.take(self.uint32())

    def inner(self) -> "Fields":
        """The same, to be read as fields."""
        return Fields(self.prefixed(), of=self._of)

    def sequence(self, *, most: int) -> list["Fields"]:
        """A prefixed run of prefixed elements."""
        run, elements = self.inner(), list[Fields]()
        while run.left:
            if len(elements) == most:
                raise ArtefactUnusable(f"is broken: {self._of} has more than {most} of something")
            elements.append(run.inner())
        return elements

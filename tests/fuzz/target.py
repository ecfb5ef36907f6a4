"""What a fuzz target is, and the one for verifiers."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass

from chalicelib.model.outcome import Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """`run` may raise what `refuses` lists and nothing else. `seeds`: inputs that it accepts, or nearly."""

    name: str
    run: Callable[[bytes], object]
    seeds: Callable[[], Iterable[bytes]]
    refuses: tuple[type[Exception], ...] = ()

    def feed(self, data: bytes) -> None:
        with suppress(*self.refuses):
            self.run(data)


def framed(parts: Iterable[bytes]) -> bytes:
    """Parts in one input: each behind its length in two octets."""
    return b"".join(len(part).to_bytes(2, "big") + part for part in parts)


def unframed(data: bytes) -> tuple[bytes, ...]:
    parts: list[bytes] = []
    while len(data) >= 2:
        end = 2 + int.from_bytes(data[:2], "big")
        parts.append(data[2:end])
        data = data[end:]
    return tuple(parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What a verifier is told, and the genuine evidence that goes with it; the input's first octet chooses one."""

    verify: Callable[[bytes], object]
    genuine: bytes


class Verifier:
    """A verifier under several settings: what verifies states what one of the genuine pieces states."""

    def __init__(self, settings: tuple[Setting, ...], strangers: Iterable[bytes]) -> None:
        self._settings = settings
        self._strangers = tuple(strangers)
        # Some strangers are genuine too: other phones' evidence for the same challenge, another assertion of one key.
        pieces = (*(setting.genuine for setting in settings), *self._strangers)
        outcomes = [setting.verify(piece) for setting in settings for piece in pieces]
        self.accepted = [outcome for outcome in outcomes if not isinstance(outcome, Refused)]

    def run(self, data: bytes) -> None:
        if not data:
            return
        outcome = self._settings[data[0] % len(self._settings)].verify(data[1:])
        assert isinstance(outcome, Refused) or outcome in self.accepted

    def seeds(self) -> Iterable[bytes]:
        for number, setting in enumerate(self._settings):
            yield bytes([number]) + setting.genuine
        yield from (b"\x00" + stranger for stranger in self._strangers)

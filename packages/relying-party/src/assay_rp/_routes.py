"""Which rule a request falls under. A request that no entry names falls under none, and is refused."""

from collections.abc import Iterable

from assay_rp.decisions import RouteRule, UnprotectedRoute


class RouteTable:
    """Raises ValueError for a path without a leading slash and for two entries that mean the same requests."""

    def __init__(self, entries: Iterable[RouteRule | UnprotectedRoute]) -> None:
        self._entries: dict[tuple[str, tuple[str | None, ...]], RouteRule | UnprotectedRoute] = {}
        for entry in entries:
            if not entry.path.startswith("/"):
                raise ValueError(f"{entry.path} does not start with a slash")
            key = (entry.method, tuple(_pattern(segment) for segment in entry.path.split("/")))
            if key in self._entries:
                raise ValueError(f"two entries for {entry.method} {entry.path}")
            self._entries[key] = entry

    def match(self, *, method: str, path: str) -> RouteRule | UnprotectedRoute | None:
        """The entry whose earlier segments are more literal, when several match: `/users/me` before `/users/{id}`."""
        segments = path.split("/")
        matching = [
            (tuple(wanted is None for wanted in pattern), entry)
            for (entry_method, pattern), entry in self._entries.items()
            if entry_method == method and _matches(pattern, segments)
        ]
        return min(matching, key=lambda match: match[0], default=(None, None))[1]


def _pattern(segment: str) -> str | None:
    return None if segment.startswith("{") and segment.endswith("}") else segment


def _matches(pattern: tuple[str | None, ...], segments: list[str]) -> bool:
    return len(pattern) == len(segments) and all(
        segment == wanted if wanted is not None else segment != ""
        for wanted, segment in zip(pattern, segments, strict=True)
    )

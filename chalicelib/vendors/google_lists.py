"""What Google publishes about Android attestation keys: the status list, the roots. Implements `service.ports.Feed`.

Source: https://developer.android.com/privacy-and-security/security-key-attestation
"""

from typing import Final

from chalicelib.model.outcome import Unavailable
from chalicelib.vendors.bounded_http import HttpClient

_PATIENCE: Final = 10.0  # seconds; nobody waits
# Bytes. The list is the larger one, with 58 KiB in January 2025; `endorsements.google_status` takes as much.
_MAX_BODY: Final = 4 * 1_024 * 1_024


class PublishedList:
    """A document at a fixed URL, as it is; whoever puts it in force parses it. `patience`: seconds for all of it."""

    def __init__(self, *, http: HttpClient, url: str, patience: float = _PATIENCE) -> None:
        self._http = http
        self._url = url
        self._patience = patience

    def fetch(self) -> bytes | Unavailable:
        answer = self._http.exchange(
            "GET",
            self._url,
            # Caches on the way ask Google: a schedule asks seldom enough, and a stale list hides a revoked key.
            headers={"Accept": "application/json", "Cache-Control": "no-cache"},
            deadline=self._http.within(self._patience),
            max_body=_MAX_BODY,
        )
        if isinstance(answer, Unavailable):
            return answer
        if answer.status != 200:
            return answer.unusable()
        return answer.body or Unavailable("the answer is empty")

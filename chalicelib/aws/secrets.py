"""Secrets of a stage in AWS Secrets Manager, `assay/<stage>/<purpose>/<name>`: written by the team, read here, logged
nowhere. Purposes are apart because functions are: .chalice/policy-*.json."""

from threading import Lock
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.model.outcome import Unavailable
from chalicelib.service.ports import Clock, SecretPurpose

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

# Seconds of monotonic time. A new key is in use within the first; an outage of Secrets Manager shorter than the second
# is not noticed; a secret that cannot be read is not asked for again by each submission.
_FRESH: Final = 300.0
_USABLE: Final = 900.0
_ASKED_AGAIN: Final = 10.0


def full_name(name: str, *, stage: str, purpose: SecretPurpose) -> str:
    return f"assay/{stage}/{purpose.value}/{name}"


class StageSecrets:
    """Implements `service.ports.Secrets`. Shared by all requests of a worker, and by its threads where it has some."""

    def __init__(self, *, client: "SecretsManagerClient", stage: str, purpose: SecretPurpose, clock: Clock) -> None:
        self._client = client
        self._stage = stage
        self._purpose = purpose
        self._clock = clock
        self._lock = Lock()
        self._known: dict[str, tuple[bytes, float]] = {}  # the secret, and when it was read
        self._failed: dict[str, tuple[Unavailable, float]] = {}  # why, and when it was last asked for

    def read(self, name: str) -> bytes | Unavailable:
        with self._lock:
            now = self._clock.monotonic()
            known, failed = self._known.get(name), self._failed.get(name)
            if known is not None and now - known[1] < _FRESH:
                return known[0]
            answer = failed[0] if failed is not None and now - failed[1] < _ASKED_AGAIN else self._ask(name)
            if isinstance(answer, bytes):
                self._failed.pop(name, None)
                # `now` is from before the question: what is known is as old as that at least.
                self._known[name] = (answer, now)
            elif known is not None and now - known[1] < _USABLE:
                return known[0]
            return answer

    def _ask(self, name: str) -> bytes | Unavailable:
        """The detail is a code of the service's or a class of botocore's: neither holds anything of the secret."""
        try:
            answer = self._client.get_secret_value(SecretId=full_name(name, stage=self._stage, purpose=self._purpose))
        except ClientError as error:
            unavailable = Unavailable(
                f"the secret was not read: {error.response.get('Error', {}).get('Code', 'no code')}"
            )
        except BotoCoreError as error:
            unavailable = Unavailable(f"the secret was not read: {type(error).__name__}")
        else:
            # A binary secret, which has no text, is none of the documented form; whoever reads this one says so.
            return answer.get("SecretString", "").encode()
        # The time again: what does not answer takes its time to say so.
        self._failed[name] = (unavailable, self._clock.monotonic())
        return unavailable

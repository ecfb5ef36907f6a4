"""`python -m assay_toolkit.local.worker`: one more process that answers phones, as Lambda starts them under load.

It shares nothing with other workers but the AWS that its environment names. The environment is the function's, and what
botocore reads. On standard output stands where it answers, one line; on standard input each line is a number of seconds
that its clock moves forward, answered by an empty line. It ends with its standard input.
"""

import os
import sys
from datetime import timedelta
from pathlib import Path

from chalice.local import LocalChalice

from assay_toolkit.local import server
from assay_toolkit.local.clock import ShiftableClock
from chalicelib import bootstrap
from chalicelib.api import application, observability
from chalicelib.aws.clock import SystemRandomness


def main() -> None:
    clock = ShiftableClock()
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        runtime = bootstrap.Runtime(
            environ=os.environ,
            clock=clock,
            randomness=SystemRandomness(),
            log=observability.logger(nowhere),
            decisions=nowhere,
        )
        with server.serving(application.build(runtime, chalice=LocalChalice)) as url:
            _say(url)
            for line in sys.stdin:
                clock.shift(timedelta(seconds=int(line)))
                _say("")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()

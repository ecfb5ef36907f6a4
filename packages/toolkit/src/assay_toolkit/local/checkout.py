"""Where the files are that belong to the project and to no package: `infra/`, `policies/`, `.chalice/`."""

from pathlib import Path
from typing import Final

import chalicelib

# The service is installed from its checkout (`pip install -e .`): these files lie beside it.
ROOT: Final = Path(chalicelib.__file__).resolve().parents[1]

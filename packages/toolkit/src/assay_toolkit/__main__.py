"""`python -m assay_toolkit`: the `assay` command by another name."""

from assay_toolkit.cli import main

main()

"""The one error that leaves a decoder."""


class Malformed(ValueError):  # noqa: N818 - says what is the case
    """The bytes are not of the format. The message names the field and the rule, never the bytes."""

"""The one error that leaves a decoder."""


class Malformed(ValueError):
    """The bytes are not of the format. The message names the field and the rule, never the bytes."""

"""The one error of endorsements that cannot be used."""


class UnusableEndorsement(ValueError):  # noqa: N818 - says what the document is, like Malformed
    """The document is not what its publisher documents. The message names the field and the rule."""

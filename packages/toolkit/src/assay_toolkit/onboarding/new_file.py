"""What a new app's file says, with a comment for each member: the person who opens it has never seen one."""

from collections.abc import Sequence

from assay_toolkit.onboarding.app_file import Scalar, flow, list_item, plain


def head(app: str, *, has_schema: bool) -> str:
    """`has_schema`: app.schema.json lies beside the file, for editors that know it."""
    schema = "# yaml-language-server: $schema=app.schema.json\n#\n" if has_schema else ""
    return (
        f"{schema}# What a genuine copy of the app looks like, and who reads tokens about it.\n"
        "# After a change: `assay app lint`, then `assay app publish` with the files of ALL apps.\n\n"
        "# The app's id: what phones ask challenges for, and the `sub` of its tokens.\n"
        f"app: {plain(app)}\n"
    )


def android(*, package: str, signers: Sequence[Scalar], read_from: str) -> str:
    return (
        f"# Google's side. Read from {read_from}.\n"
        "android:\n"
        "  # Application ids, as the phone's hardware states them.\n"
        "  packages:\n"
        f"    - {plain(package)}\n"
        "  # SHA-256 of each certificate that signs what phones install. Google Play signs with a key of its own:\n"
        '  # Play Console shows it as "App signing key certificate".\n'
        "  signature_digests:\n" + "".join(f"{list_item(item, 4)}\n" for item in signers)
    )


def apple(*, app_id: str, environment: str, read_from: str) -> str:
    return (
        f"# Apple's side. Read from {read_from}.\n"
        "apple:\n"
        "  # App IDs: the team, a dot, the bundle id.\n"
        "  app_ids:\n"
        f"    - {plain(app_id)}\n"
        "  # Which App Attest environment its keys come from. App Store, TestFlight and enterprise builds use\n"
        "  # production.\n"
        f"  environment: {plain(environment)}\n"
    )


def audiences(names: Sequence[str]) -> str:
    """All of the kind clear, with a remark on the others."""
    entries = "".join(f"  {plain(name)}: {flow({'kind': 'clear'})}\n" for name in names)
    return (
        "# Who a token is for: a backend takes no token that is for another audience.\n"
        "# clear: it reads the tier in the token, as the app can. `assay audience add` makes the other kinds:\n"
        "# confidential, which gets the whole verdict encrypted, and gateway, which reads none.\n"
        "audiences:\n" + entries
    )

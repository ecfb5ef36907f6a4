"""What `assay doctor` may find: stable codes, how bad each is, and what to do about it (docs/operations.md)."""

from dataclasses import dataclass
from enum import Enum, IntEnum


class Level(IntEnum):
    """The command's exit code is the worst one found."""

    NOTE = 0  # to be known, and meant to be so somewhere
    OPEN = 1  # left open, or about to go wrong
    BROKEN = 2  # phones are not judged, or not as the repository says


class Check(Enum):
    """Code, level, and what to do."""

    NOT_EXAMINED = ("not_examined", Level.NOTE, "Name what is missing, or ask somebody who may look.")

    # the repository
    POLICY_INVALID = ("policy_invalid", Level.BROKEN, "Run `assay policy lint` and mend the line that it names.")
    POLICY_WITHOUT_CASES = ("policy_without_cases", Level.OPEN, "Write cases: without any it cannot be activated.")
    CASES_FAIL = ("cases_fail", Level.BROKEN, "Run `assay policy test`; mend the policy, or what is expected of it.")
    APPS_INVALID = ("apps_invalid", Level.BROKEN, "Run `assay app lint` and mend the line that it names.")
    NO_APPS = ("no_apps", Level.BROKEN, "Register an app with `assay app add`.")
    ANCHORS_INVALID = ("anchors_invalid", Level.BROKEN, "Run `assay endorsements anchors lint` and mend what it names.")

    # what a policy leaves open
    ATTEST_KEYS_ADMITTED = (
        "attest_keys_admitted",
        Level.OPEN,
        "Take `android_attest_keys` out of `admits`, unless your app makes such keys.",
    )
    UNATTESTED_ADMITTED = (
        "unattested_admitted",
        Level.OPEN,
        "Keep `daily` small and watch it, or take `unsupported_phone` out of `failures`.",
    )
    UNLIMITED = (
        "unlimited",
        Level.OPEN,
        "Set a number under `limits`: with `none`, one phone or one farm may ask as often as it likes.",
    )

    # what the register leaves open
    SIMULATOR_REGISTERED = (
        "simulator_registered",
        Level.OPEN,
        "Register your own certificates: this digest is the simulator's.",
    )
    AUDIENCE_KEY_NOBODYS = (
        "audience_key_nobodys",
        Level.OPEN,
        "Make the audience a key with `assay audience add`: nobody has the private half of the demonstration's.",
    )
    NO_CONFIDENTIAL_AUDIENCE = (
        "no_confidential_audience",
        Level.NOTE,
        "Backends learn tiers and no reasons or advice; `assay audience add` changes that.",
    )
    DEVELOPMENT_ENVIRONMENT = (
        "development_environment",
        Level.OPEN,
        "Register `environment: production`: in the other one anybody with Xcode makes keys for your App ID.",
    )
    RISK_METRIC_OFF = ("risk_metric_off", Level.NOTE, "Set up Apple's risk metric, or leave it: docs/operations.md.")

    # .chalice/config.json
    CONFIGURATION_INVALID = ("configuration_invalid", Level.BROKEN, "Mend the variable: the function does not start.")
    PLACEHOLDER = ("placeholder", Level.OPEN, "Put in the outputs of the data stack (docs/deploy.md).")
    TEST_STAGE = (
        "test_stage",
        Level.OPEN,
        "Take ASSAY_TEST_STAGE out where customers are: testers choose its verdicts.",
    )

    # what is in force
    TABLE_UNREADABLE = ("table_unreadable", Level.OPEN, "See whether table, region and credentials are the stage's.")
    NO_POLICY = ("no_policy", Level.BROKEN, "Activate one with `assay policy activate`: phones are answered 503.")
    NO_REGISTER = ("no_register", Level.BROKEN, "Activate one with `assay app activate`: phones are answered 503.")
    POLICY_UNREADABLE = ("policy_unreadable", Level.BROKEN, "`assay policy rollback`: phones are answered 503.")
    REGISTER_UNREADABLE = ("register_unreadable", Level.BROKEN, "`assay app rollback`: phones are answered 503.")
    LIST_UNREADABLE = ("list_unreadable", Level.BROKEN, "`assay endorsements rollback`: phones are answered 503.")
    ANCHORS_UNREADABLE = (
        "anchors_unreadable",
        Level.BROKEN,
        "`assay endorsements anchors rollback`: phones are answered 503.",
    )
    POLICY_UNKNOWN_HERE = (
        "policy_unknown_here",
        Level.OPEN,
        "Compare with `assay policy diff active FILE`, then activate yours or commit theirs.",
    )
    REGISTER_UNKNOWN_HERE = (
        "register_unknown_here",
        Level.OPEN,
        "Publish and activate the repository's apps, or commit those in force.",
    )
    ANCHORS_UNKNOWN_HERE = (
        "anchors_unknown_here",
        Level.OPEN,
        "Publish and activate the repository's anchors, or commit those in force.",
    )
    UNPROVEN_POLICY = (
        "unproven_policy",
        Level.OPEN,
        "Publish it with its cases: as it is, nobody can go back to it with `assay policy rollback`.",
    )
    NO_LIST = ("no_list", Level.OPEN, "Run refresh_endorsements: whether a key leaked is unknown.")
    LIST_STALE = ("list_stale", Level.OPEN, "See what keeps refresh_endorsements from fetching (docs/endorsements.md).")
    ANCHORS_BUILT_IN = ("anchors_built_in", Level.NOTE, "Nothing, unless your team keeps anchors of its own.")
    ANCHORS_DIFFER = (
        "anchors_differ",
        Level.OPEN,
        "See that each difference is meant: `assay endorsements show` has the sources.",
    )

    # around it
    SECRET_MISSING = ("secret_missing", Level.BROKEN, "Put it into Secrets Manager under the stage's prefix.")
    LOG_GROUP_MISSING = ("log_group_missing", Level.OPEN, "Deploy infra/data.yaml, which makes it with a retention.")
    LOG_RETENTION_OPEN = (
        "log_retention_open",
        Level.OPEN,
        "Set a retention (infra/data.yaml does): decision records would be kept for ever.",
    )
    SERVICE_UNREACHABLE = ("service_unreachable", Level.BROKEN, "See whether the URL is right and the stage deployed.")
    SERVICE_UNHEALTHY = ("service_unhealthy", Level.BROKEN, "See the function's log for the component that it names.")
    KEYS_UNREACHABLE = ("keys_unreachable", Level.BROKEN, "See the static endpoint: nobody new can verify a token.")
    SIGNING_KEY_UNPUBLISHED = (
        "signing_key_unpublished",
        Level.BROKEN,
        "Run publish_keys now: relying parties refuse every token.",
    )
    KEYS_DIFFER = (
        "keys_differ",
        Level.OPEN,
        "Run publish_keys, and count the lead of a new key (24 h) from then.",
    )
    KEYS_NOT_REFRESHED = (
        "keys_not_refreshed",
        Level.OPEN,
        "See whether the hourly schedule of publish_keys runs.",
    )
    ONE_KEY = (
        "one_key",
        Level.NOTE,
        "Nothing until you rotate: then publish the next key 24 h before it signs (docs/deploy.md).",
    )
    ROUTE_OBSERVES = ("route_observes", Level.OPEN, "Enforce the rule, or say until when it observes.")

    def __init__(self, code: str, level: Level, todo: str) -> None:
        self.code = code
        self.level = level
        self.todo = todo


@dataclass(frozen=True, slots=True)
class Finding:
    """`said`: what was found and where, in a sentence; no secret and no key."""

    check: Check
    said: str

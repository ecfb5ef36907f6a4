"""A small sound policy, and what people do to policies: each change with the line that the complaint has to name, and
words that it has to say."""

from dataclasses import dataclass

SOUND = """\
version: 1
name: small
required:
  android:
    enrol: [android_key, rasp]
    renew: [instance, rasp]
  apple:
    enrol: [apple_attestation, rasp]
    renew: [apple_assertion, rasp]
failures:
  android:
    platform_outage: {tier: medium, reason: play_integrity_unavailable, earlier_hours: 24}
    missing_report: {tier: medium, reason: rasp_missing}
  apple:
    missing_report:
      tier: medium
      reason: rasp_missing
      actions:
        transfer: {decision: deny}
attack_libraries:
  names: [frida-agent]
revocation:
  oldest_list_hours: 168
affirms:
  - component: instance-identity
    as: recognized
    when:
      android.package_registered: {equals: true}
  - component: hardware
    as: genuine
    when: {apple.app_registered: {equals: true}}
  - component: executables
    as: approved
    when: {rasp.code.hooking: {equals: clear}}
rules:
  - rule: package
    when: {android.package_registered: {equals: false}}
    lowers: instance-identity
    to: unrecognized
    reason: android_package_foreign
    absent: {reason: android_app_id_missing}
  - rule: patch-level
    when: {android.os_patch_age_days: {more_than: 365}}
    lowers: configuration
    to: unsafe
    reason: android_patch_level_old
    absent: ignored
  - rule: app
    when: {apple.app_registered: {equals: false}}
    lowers: hardware
    to: contraindicated
    reason: apple_app_foreign
  - rule: category
    when: {apple.validation_category: {not_in: [2, 4]}}
    lowers: executables
    to: unrecognized
    reason: apple_launch_category
    absent: ignored
  - rule: hooking
    when: {rasp.code.hooking: {equals: detected}}
    lowers: executables
    to: contraindicated
    reason: rasp_hooking
    absent: {to: unsafe, reason: rasp_check_not_run}
advice:
  transfer:
    high: {decision: allow}
    medium: {decision: step_up, acr: phr}
    none: {decision: deny}
    low: {decision: deny, obligations: [investigate]}
  search:
    high: {decision: allow}
    medium: {decision: delay, delay: [1, 3]}
    none: {decision: delay, delay: [5, 15]}
    low: {decision: delay, delay: [5, 15]}
  "*":
    high: {decision: allow}
    medium: {decision: step_up, acr: phr}
    none: {decision: deny}
    low: {decision: deny}
"""


@dataclass(frozen=True)
class Broken:
    """`old` becomes `new`. `line`: text of the line that the complaint has to name; the last one after `@last `."""

    name: str
    old: str
    new: str
    line: str
    says: str

    @property
    def text(self) -> str:
        assert SOUND.count(self.old) == 1, f"{self.name}: `{self.old}` is there {SOUND.count(self.old)} times"
        return SOUND.replace(self.old, self.new)

    @property
    def line_number(self) -> int:
        wanted = self.line.removeprefix("@last ")
        found = [number for number, line in enumerate(self.text.splitlines(), 1) if wanted in line]
        assert found, f"{self.name}: no line has `{wanted}`"
        return found[-1 if wanted != self.line else 0]


PACKAGE = "when: {android.package_registered: {equals: false}}"
PATCH = "when: {android.os_patch_age_days: {more_than: 365}}"
CATEGORY = "when: {apple.validation_category: {not_in: [2, 4]}}"
HOOKING = "when: {rasp.code.hooking: {equals: detected}}"
OUTAGE = "    platform_outage: {tier: medium, reason: play_integrity_unavailable, earlier_hours: 24}"
TRANSFER_LOW = "    low: {decision: deny, obligations: [investigate]}"
SEARCH_MEDIUM = "medium: {decision: delay, delay: [1, 3]}"


def swapped(name, old, new, says, line=None):
    """The complaint is about the very line that changed."""
    return Broken(name, old, new, line or new.strip().splitlines()[0], says)


BROKEN = (
    # --- YAML that is none, or means something else than it looks like
    swapped("a tab for an indentation", "  names: [frida-agent]", "\tnames: [frida-agent]", "indented with a tab"),
    swapped("an open bracket", "names: [frida-agent]", "names: [frida-agent", "is not YAML", line="revocation:"),
    swapped("a colon too many", "name: small", "name: small: and good", "is not YAML"),
    swapped("an indentation that fits nothing", "    reason: rasp_hooking", "   reason: rasp_hooking", "is not YAML"),
    swapped("no character", "name: small", 'name: "\\U00110000"', "escapes a character that does not exist"),
    swapped(
        "no number of a character", "name: small", 'name: "\\UFFFFFFFF"', "escapes a character that does not exist"
    ),
    swapped("an anchor", "name: small", "name: &n small", "has an anchor"),
    swapped("an alias of nothing", "name: small", "name: *n", "uses an alias"),
    swapped("a merge key", "  oldest_list_hours: 168", "  <<: {oldest_list_hours: 168}", "merges another mapping"),
    swapped("a type of Python's", "name: small", "name: !!python/name:os.system", "has the type"),
    swapped(
        "a mapping with a type",
        "{equals: true}\n  - component: hardware",
        "!!python/object:os.x {equals: true}\n  - component: hardware",
        "has the type",
        line="android.package_registered: !!python",
    ),
    swapped("a set", "names: [frida-agent]", "names: !!set {frida-agent}", "has the type"),
    swapped("bytes", "name: small", "name: !!binary c21hbGw=", "has the type"),
    swapped("a type of one's own", "name: small", "name: !mine small", "has the type"),
    swapped(
        "the same member twice", "name: small", "name: small\nname: smaller", "a second time", line="name: smaller"
    ),
    swapped("a key that is a number", "  names: [frida-agent]", "  1: [frida-agent]", "a key that is no text"),
    swapped(
        "a key that is a list",
        "  names: [frida-agent]",
        "  ? [names]\n  : [frida-agent]",
        "a key that is no text",
        line="? [names]",
    ),
    swapped("a key that YAML reads as true", "  names: [frida-agent]", "  on: [frida-agent]", "a key that is no text"),
    swapped("a second document", "revocation:", "---\nrevocation:", "second document", line="---"),
    swapped(
        "yes for true",
        "android.package_registered: {equals: true}",
        "android.package_registered: {equals: yes}",
        "is `yes`; write true or false",
    ),
    swapped(
        "True for true",
        "android.package_registered: {equals: true}",
        "android.package_registered: {equals: True}",
        "is `True`; write true or false",
    ),
    swapped("off for false", PACKAGE, "when: {android.package_registered: {equals: off}}", "is `off`"),
    swapped("nothing for a value", "name: small", "name:", "says nothing"),
    swapped("null for a value", "name: small", "name: null", "says nothing"),
    swapped("a tilde for a value", "oldest_list_hours: 168", "oldest_list_hours: ~", "says nothing"),
    swapped("a date", "name: small", "name: 2026-01-01", "is a date"),
    swapped("a fraction", "oldest_list_hours: 168", "oldest_list_hours: 168.5", "fraction"),
    swapped("an exponent", "oldest_list_hours: 168", "oldest_list_hours: 1.0e+2", "fraction"),
    swapped("infinity", "oldest_list_hours: 168", "oldest_list_hours: .inf", "fraction"),
    swapped("no number", "oldest_list_hours: 168", "oldest_list_hours: .nan", "fraction"),
    swapped("an octal number", "oldest_list_hours: 168", "oldest_list_hours: 0250", "plain digits"),
    swapped("a hexadecimal number", "oldest_list_hours: 168", "oldest_list_hours: 0xa8", "plain digits"),
    swapped("a number with underscores", "oldest_list_hours: 168", "oldest_list_hours: 1_68", "plain digits"),
    swapped("a time that YAML counts in sixties", "oldest_list_hours: 168", "oldest_list_hours: 2:48", "plain digits"),
    swapped("a number with a plus", "oldest_list_hours: 168", "oldest_list_hours: +168", "plain digits"),
    swapped(
        "a number beyond JSON's",
        "more_than: 365",
        "more_than: 9007199254740993",
        "JSON can carry",
        line="9007199254740993",
    ),
    swapped(
        "a number of a thousand digits",
        "more_than: 365",
        "more_than: " + "9" * 1000,
        "JSON can carry",
        line="9999999999",
    ),
    swapped("a list of a hundred lists", "[frida-agent]", "[" * 100 + "]" * 100, "nested", line="[[[[["),
    # --- types
    swapped("a number as text", "oldest_list_hours: 168", 'oldest_list_hours: "168"', "whole number, not a text"),
    swapped(
        "a number as text in a rule",
        PATCH,
        'when: {android.os_patch_age_days: {more_than: "365"}}',
        "whole number, not a text",
    ),
    swapped(
        "a truth as text",
        PACKAGE,
        'when: {android.package_registered: {equals: "false"}}',
        "wants true or false, not a text",
    ),
    swapped(
        "a number for a truth",
        PACKAGE,
        "when: {android.package_registered: {equals: 0}}",
        "wants true or false, not a number",
    ),
    swapped(
        "a truth for a number",
        PATCH,
        "when: {android.os_patch_age_days: {more_than: true}}",
        "whole number, not true or false",
    ),
    swapped(
        "a label for a number",
        CATEGORY,
        "when: {apple.validation_category: {not_in: [testflight]}}",
        "whole number, not a text",
    ),
    swapped(
        "a list in a list",
        CATEGORY,
        "when: {apple.validation_category: {not_in: [[2, 4]]}}",
        "whole number, not a list",
    ),
    swapped("one value for a list", CATEGORY, "when: {apple.validation_category: {not_in: 2}}", "wants a list"),
    swapped(
        "a list for one value",
        PATCH,
        "when: {android.os_patch_age_days: {more_than: [365]}}",
        "whole number, not a list",
    ),
    swapped(
        "a value without an operator",
        PACKAGE,
        "when: {android.package_registered: false}",
        "wants an operator, such as `{equals: false}`",
    ),
    swapped("a sentence for a condition", PACKAGE, "when: android.package_registered == false", "wants an object"),
    swapped(
        "a list of conditions",
        PACKAGE,
        "when: [{android.package_registered: {equals: false}}]",
        "wants an object with members, not a list",
    ),
    swapped(
        "a list for an object", "  names: [frida-agent]", "  - frida-agent", "wants an object", line="attack_libraries:"
    ),
    swapped("a text for a list", "names: [frida-agent]", "names: frida-agent", "wants a list, not a text"),
    swapped("a number among names", "names: [frida-agent]", "names: [27042]", "wants a text, not a number"),
    swapped("a version as text", "version: 1\n", 'version: "1"\n', "whole number, not a text"),
    swapped("a list for the whole", "version: 1\n", "- version: 1\n", "is not YAML", line="name: small"),
    # --- names that there are none of
    swapped("an unknown member", "revocation:", "revocations:", "did you mean `revocation`?"),
    swapped("a member in the wrong case", "revocation:", "Revocation:", "did you mean `revocation`?"),
    swapped("a member of before failures", "failures:", "missing:", "is no member that is known here"),
    swapped("an unknown member of a rule", "    reason: rasp_hooking", "    because: rasp_hooking", "no member that"),
    swapped(
        "an unknown platform",
        "  apple:\n    enrol: [apple",
        "  ios:\n    enrol: [apple",
        "no member that",
        line="  ios:",
    ),
    swapped("an unknown purpose", "    renew: [instance, rasp]", "    refresh: [instance, rasp]", "no member that"),
    swapped(
        "an unknown claim",
        PATCH,
        "when: {android.patch_age_days: {more_than: 365}}",
        "did you mean `android.os_patch_age_days`?",
    ),
    swapped("a claim of nobody's", PATCH, "when: {weather: {equals: fair}}", "no claim"),
    swapped("an unknown operator", PATCH, "when: {android.os_patch_age_days: {above: 365}}", "no operator"),
    swapped("an operator's sign", PATCH, 'when: {android.os_patch_age_days: {">": 365}}', "no operator"),
    swapped("a regular expression", HOOKING, 'when: {rasp.app_version: {matches: "7[.].*"}}', "no operator"),
    swapped("a pattern as a value", HOOKING, "when: {rasp.code.hooking: {equals: det.*}}", "no value of"),
    swapped(
        "an expression for a value",
        PATCH,
        'when: {android.os_patch_age_days: {more_than: "12 * 30"}}',
        "whole number, not a text",
    ),
    swapped(
        "an order of labels that have none",
        HOOKING,
        "when: {rasp.code.hooking: {at_least: detected}}",
        "no operator for rasp.code.hooking",
    ),
    swapped(
        "an order of truths",
        PACKAGE,
        "when: {android.package_registered: {less_than: true}}",
        "no operator for android.package_registered",
    ),
    swapped("an unknown label", HOOKING, "when: {rasp.code.hooking: {equals: found}}", "no value of rasp.code.hooking"),
    swapped(
        "a check that did not run as a value",
        HOOKING,
        "when: {rasp.code.hooking: {equals: not_run}}",
        "did you mean `not_required`?",
    ),
    swapped(
        "an unknown reason",
        "reason: android_patch_level_old",
        "reason: android_patch_old",
        "did you mean `android_patch_level_old`?",
    ),
    swapped("a reason in words", "reason: android_patch_level_old", "reason: The phone is old", "no reason"),
    swapped("a refusal as a reason", "reason: android_patch_level_old", "reason: chain_expired", "no reason"),
    swapped("an unknown component", "    lowers: configuration", "    lowers: config", "did you mean `configuration`?"),
    swapped(
        "a value of another component",
        "    lowers: configuration\n    to: unsafe",
        "    lowers: configuration\n    to: visible",
        "no value of configuration",
        line="to: visible",
    ),
    swapped(
        "a value by its number",
        "    lowers: configuration\n    to: unsafe",
        "    lowers: configuration\n    to: 32",
        "no value of configuration",
        line="to: 32",
    ),
    swapped(
        "an unknown way to be absent", "absent: {to: unsafe, reason: rasp_check_not_run}", "absent: skip", "`ignored`"
    ),
    swapped(
        "an unknown tier",
        "    none: {decision: deny}\n    low: {decision: deny, obl",
        "    nothing: {decision: deny}\n    low: {decision: deny, obl",
        "no member",
        line="nothing:",
    ),
    swapped("an unknown decision", TRANSFER_LOW, "    low: {decision: block}", "no decision"),
    swapped(
        "an unknown obligation",
        TRANSFER_LOW,
        "    low: {decision: deny, obligations: [investgate]}",
        "did you mean `investigate`?",
    ),
    swapped("an action with a space", "  search:", "  search all:", "which is not an action"),
    swapped(
        "an unknown class of failure",
        OUTAGE,
        "    outage: {tier: medium, reason: play_integrity_unavailable}",
        "no class of failure",
    ),
    swapped(
        "an admission that there is none of", "revocation:", "admits: [software_keys]\nrevocation:", "no admission"
    ),
    # --- empty things
    swapped("no rules", SOUND[SOUND.index("rules:") : SOUND.index("advice:")], "rules: []\n", "empty list"),
    swapped("a rule without conditions", PACKAGE, "when: {}", "is empty"),
    swapped("a claim without a test", PACKAGE, "when: {android.package_registered: {}}", "is empty"),
    swapped("a list of no values", CATEGORY, "when: {apple.validation_category: {in: []}}", "empty list"),
    swapped("no libraries", "names: [frida-agent]", "names: []", "empty list"),
    swapped(
        "an action without advice", "  search:\n", "  empty: {}\n  search:\n", "lacks the member `high`", line="empty:"
    ),
    swapped(
        "failures of nothing",
        SOUND[SOUND.index("failures:") : SOUND.index("attack_lib")],
        "failures: {}\n",
        "leave it out",
    ),
    swapped("no name", "name: small", 'name: ""', "which is not 1 to 32"),
    swapped(
        "an absent that says nothing", "absent: {to: unsafe, reason: rasp_check_not_run}", "absent: {}", "says nothing"
    ),
    swapped("no obligation", TRANSFER_LOW, "    low: {decision: deny, obligations: []}", "empty list"),
    # --- what is missing
    swapped("no version", "version: 1\n", "", "lacks the member `version`", line="name: small"),
    swapped("no action for the rest", '  "*":', "  rest:", "lacks the action `*`", line="advice:"),
    swapped(
        "a rule without a reason", "    reason: rasp_hooking\n", "", "lacks the member `reason`", line="rule: hooking"
    ),
    swapped("a tier without advice", TRANSFER_LOW + "\n", "", "lacks the member `low`", line="@last   transfer:"),
    swapped(
        "a platform that nothing is required of",
        "  apple:\n    enrol: [apple_attestation, rasp]\n    renew: [apple_assertion, rasp]\n",
        "",
        "lacks the member `apple`",
        line="required:",
    ),
    # --- doubles
    swapped(
        "a rule's name twice",
        "  - rule: app\n",
        "  - rule: package\n",
        "like an earlier rule",
        line="@last - rule: package",
    ),
    swapped("an obligation twice", TRANSFER_LOW, "    low: {decision: deny, obligations: [notify, notify]}", "twice"),
    swapped("evidence twice", "    renew: [instance, rasp]", "    renew: [instance, instance]", "twice"),
    # --- contradictions
    swapped("milder advice for a worse tier", TRANSFER_LOW, "    low: {decision: allow}", "milder than deny for none"),
    swapped(
        "a shorter delay for a worse tier",
        SEARCH_MEDIUM,
        "medium: {decision: delay, delay: [6, 20]}",
        "milder than delay of 6 to 20 seconds for medium",
        line="none: {decision: delay",
    ),
    swapped(
        "milder advice for a failure",
        "        transfer: {decision: deny}",
        "        transfer: {decision: allow}",
        "milder than step_up for medium",
    ),
    swapped(
        "advice for an action that there is none of",
        "        transfer: {decision: deny}",
        "        payment: {decision: deny}",
        "no action that has `advice`",
    ),
    swapped("a step-up to nothing", TRANSFER_LOW, "    low: {decision: step_up}", "`acr`"),
    swapped("a delay without a range", TRANSFER_LOW, "    low: {decision: delay}", "`delay`"),
    swapped("a denial with a delay", TRANSFER_LOW, "    low: {decision: deny, delay: [1, 2]}", "`delay`"),
    swapped(
        "a range the wrong way round",
        SEARCH_MEDIUM,
        "medium: {decision: delay, delay: [3, 1]}",
        "the lowest and the highest",
    ),
    swapped("a delay of an hour", SEARCH_MEDIUM, "medium: {decision: delay, delay: [1, 3600]}", "between 0 and 300"),
    swapped(
        "two operators",
        PATCH,
        "when: {android.os_patch_age_days: {more_than: 365, less_than: 999}}",
        "exactly one operator",
    ),
    swapped(
        "claims of two kinds of evidence",
        PACKAGE,
        "when: {android.package_registered: {equals: false}, rasp.code.hooking: {equals: detected}}",
        "mixes claims of different evidence",
    ),
    swapped(
        "a rule that raises",
        "    lowers: configuration\n    to: unsafe",
        "    lowers: configuration\n    to: safe",
        "a rule can only lower",
        line="to: safe",
    ),
    swapped("an affirmation that lowers", "    as: genuine", "    as: contraindicated", "does not affirm anything"),
    swapped(
        "a component affirmed twice",
        "  - component: hardware\n",
        "  - component: instance-identity\n    as: recognized\n"
        "    when: {android.package_registered: {equals: true}}\n  - component: hardware\n",
        "a second time",
        line="@last - component: instance-identity",
    ),
    swapped(
        "evidence of the other platform",
        "    enrol: [android_key, rasp]",
        "    enrol: [android_key, apple_attestation]",
        "no evidence of android enrol",
    ),
    swapped(
        "a renewal's evidence at enrolment",
        "    enrol: [apple_attestation, rasp]",
        "    enrol: [apple_assertion, rasp]",
        "no evidence of apple enrol",
    ),
    swapped(
        "a platform's own evidence left out",
        "    enrol: [android_key, rasp]",
        "    enrol: [rasp]",
        "lacks `android_key`",
    ),
    swapped(
        "Google's evidence of Apple's phones",
        "    renew: [apple_assertion, rasp]",
        "    renew: [apple_assertion, play_integrity]",
        "no evidence of apple renew",
    ),
    swapped(
        "a failure that Apple's phones cannot meet",
        "    missing_report:\n",
        "    stale_list:\n",
        "no class of failure of apple phones",
    ),
    swapped(
        "a failure that lowers nothing",
        OUTAGE,
        "    platform_outage: {tier: high, reason: play_integrity_unavailable}",
        "a failure lowers",
    ),
    swapped(
        "unsupported phones that are trusted",
        OUTAGE,
        "    unsupported_phone: {tier: medium, daily: 10}",
        "better than none",
    ),
    swapped(
        "unsupported phones without end", OUTAGE, "    unsupported_phone: {tier: none}", "lacks the member `daily`"
    ),
    swapped(
        "a rule that a detection ends",
        HOOKING,
        "when: {rasp.code.hooking: {in: [clear]}}",
        "a detection would then improve",
    ),
    swapped(
        "what is affirmed without a word on its absence",
        "absent: {reason: android_app_id_missing}",
        "absent: ignored",
        "where it is absent no rule says what follows",
        line="      android.package_registered: {equals: true}",
    ),
    swapped(
        "a check that is worse for not having run",
        "    to: contraindicated\n    reason: rasp_hooking\n" + "    absent: {to: unsafe",
        "    to: unsafe\n    reason: rasp_hooking\n    absent: {to: contraindicated",
        "is worse than the rule's own outcome",
        line="absent: {to: contraindicated",
    ),
    # --- bounds
    swapped("a name of a paragraph", "name: small", "name: " + "long-" * 10 + "name", "1 to 32"),
    swapped("a version of next year", "version: 1\n", "version: 2\n", "it must be 1", line="version: 2"),
    swapped("a list that may be a century old", "oldest_list_hours: 168", "oldest_list_hours: 876000", "between 1 and"),
    swapped(
        "an old verdict that stands in for ever",
        "earlier_hours: 24",
        "earlier_hours: 100000",
        "between 1 and 168",
        line="earlier_hours: 100000",
    ),
    swapped("a library's digest in upper case", "names: [frida-agent]", f"digests: [{'AB' * 32}]", "lower case"),
    swapped("a library with a line break", "names: [frida-agent]", 'names: ["frida\\nagent"]', "printable ASCII"),
    swapped("a lone surrogate", "name: small", 'name: "\\ud800"', "half a character"),
    swapped(
        "verdicts that fit no token",
        '  "*":\n',
        "".join(
            f"  action-number-{number}:\n"
            + "".join(
                f"    {tier}: {{decision: step_up, acr: {'urn:bank:two-people-and-a-hardware-token-' + 'x' * 20}}}\n"
                for tier in ("high", "medium", "none", "low")
            )
            for number in range(5)
        )
        + '  "*":\n',
        "a confidential verdict has 1024",
        line="version: 1",
    ),
)

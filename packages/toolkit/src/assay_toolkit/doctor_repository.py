"""What can be seen without AWS: policies, apps, anchors and the stages' configuration in a checkout."""

import ast
import json
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Final

import click

from assay_toolkit.doctor_findings import Check, Finding
from assay_toolkit.endorsements import compile_trust_anchors
from assay_toolkit.policy import compile_policy
from assay_toolkit.policy_cases import cases_about, compile_cases, load_cases, run_cases
from assay_toolkit.register import compile_register
from chalicelib import config
from chalicelib.appraisal import Policy, load_policy
from chalicelib.appraisal.policy import Admission
from chalicelib.endorsements.register import load_register
from chalicelib.model.apps import AppRegistration, AudienceKind
from chalicelib.model.claims import AppleEnvironment
from chalicelib.model.outcome import Malfunction

# The digest that policies/apps/demo-bank.yaml registers for simulated phones. No certificate has it.
SIMULATOR_DIGEST: Final = bytes.fromhex("a1" * 32)
# The key of the payments audience there, of whose private half nobody knows.
DEMONSTRATION_KEY: Final = "Np2ugKg35D8GPlMcsxbYAVZX5HEfAm_qYU4HoH2pTwY"  # its x coordinate

# What .chalice/config.json comes with. AWS keeps the account number for documentation, RFC 2606 the host names.
_PLACEHOLDERS: Final = (
    ("the account 111122223333", re.compile(r"111122223333")),
    ("a host name below .example", re.compile(r"\.example(?=$|[:/])")),
    ("a key id of zeros", re.compile(r"00000000-0000-4000-8000-000000000000")),
)
_OBSERVES: Final = "OBSERVE_WITHOUT_ENFORCING"


class Repository:
    """A checkout's sources, compiled as far as they compile. `policies`, `register` and `anchors` hold documents."""

    def __init__(self, root: Path) -> None:
        self.policies: dict[Path, bytes] = {}
        self.register: bytes | None = None
        self.anchors: bytes | None = None
        self._root = root
        self._findings: list[Finding] = []
        self._read()

    def findings(self, stages: Collection[str]) -> Iterator[Finding]:
        """`stages`: those of .chalice/config.json to look at; none: all of them."""
        yield from self._findings
        for path, document in self.policies.items():
            yield from policy_findings(load_policy(document), document, where=path.name)
            yield from _case_findings(path, document)
        if self.register is not None:
            yield from register_findings(load_register(self.register).values(), where="policies/apps")
        yield from self._configured(stages)

    def environment(self, stage: str) -> dict[str, str]:
        """The function's variables in a stage; empty where there is no such stage."""
        return self._stages().get(stage, {})

    def _read(self) -> None:
        folder = self._root / "policies"
        for path in sorted(folder.glob("*.yaml")):
            try:
                self.policies[path] = compile_policy(path)
            except click.ClickException as error:
                self._findings.append(Finding(Check.POLICY_INVALID, error.message))
        apps = sorted((folder / "apps").glob("*.yaml"))
        if not apps:
            self._findings.append(Finding(Check.NO_APPS, f"{folder / 'apps'} has no app"))
        else:
            try:
                self.register = compile_register(apps)
            except click.ClickException as error:
                self._findings.append(Finding(Check.APPS_INVALID, error.message))
        anchors = folder / "endorsements" / "trust-anchors.yaml"
        if anchors.is_file():
            try:
                self.anchors = compile_trust_anchors(anchors)
            except click.ClickException as error:
                self._findings.append(Finding(Check.ANCHORS_INVALID, error.message))

    def _configured(self, stages: Collection[str]) -> Iterator[Finding]:
        configured = self._stages()
        there = f"there is {', '.join(sorted(configured))}" if configured else "there is none"
        for missing in sorted(set(stages) - configured.keys()):
            yield Finding(Check.CONFIGURATION_INVALID, f".chalice/config.json has no stage {missing}: {there}")
        for stage, environment in configured.items():
            if not stages or stage in stages:
                yield from _stage_findings(stage, environment)

    def _stages(self) -> dict[str, dict[str, str]]:
        file = self._root / ".chalice" / "config.json"
        try:
            stages = json.loads(file.read_text(encoding="utf-8"))["stages"]
        except (OSError, ValueError, KeyError):
            return {}
        return {name: stage.get("environment_variables", {}) for name, stage in stages.items()}


def policy_findings(policy: Policy, document: bytes, *, where: str) -> Iterator[Finding]:
    """What it lets in that a stricter one would not."""
    if Admission.ANDROID_ATTEST_KEYS in policy.admits:
        yield Finding(Check.ATTEST_KEYS_ADMITTED, f"{where}: keys attested by another key of an app are judged")
    for limit in fields(policy.limits):
        if getattr(policy.limits, limit.name) is None:
            yield Finding(Check.UNLIMITED, f"{where}: {limit.name} has no limit")
    failures = json.loads(document).get("failures", {})
    for platform, classes in sorted(failures.items()):
        if daily := classes.get("unsupported_phone", {}).get("daily"):
            yield Finding(
                Check.UNATTESTED_ADMITTED,
                f"{where}: {daily} phones a day of {platform} apps get a token without any platform's word",
            )


def register_findings(apps: Iterable[AppRegistration], *, where: str) -> Iterator[Finding]:
    for app in apps:
        if app.android and SIMULATOR_DIGEST in app.android.signature_digests:
            yield Finding(Check.SIMULATOR_REGISTERED, f"{where}: {app.app}: the simulator's certificate is registered")
        if app.apple and app.apple.environment is AppleEnvironment.DEVELOPMENT:
            yield Finding(Check.DEVELOPMENT_ENVIRONMENT, f"{where}: {app.app}: App Attest's development environment")
        if app.apple and app.apple.risk_metric_secret is None:
            yield Finding(Check.RISK_METRIC_OFF, f"{where}: {app.app}: Apple is not asked for the risk metric")
        if not any(audience.kind is AudienceKind.CONFIDENTIAL for audience in app.audiences.values()):
            yield Finding(Check.NO_CONFIDENTIAL_AUDIENCE, f"{where}: {app.app}: every audience has clear tokens")
        for audience in app.audiences.values():
            if audience.encryption_jwk and audience.encryption_jwk["x"] == DEMONSTRATION_KEY:
                yield Finding(
                    Check.AUDIENCE_KEY_NOBODYS, f"{where}: {app.app}: {audience.name} has the demonstration's key"
                )


def observing_routes(folders: Iterable[Path]) -> Iterator[Finding]:
    """Rules in Python sources of backends that let everything pass and only log; other languages are not seen."""
    for folder in folders:
        for file in sorted(folder.rglob("*.py")) if folder.is_dir() else [folder]:
            try:
                tree = ast.parse(file.read_text(encoding="utf-8"))
            except (OSError, SyntaxError, UnicodeDecodeError):
                yield Finding(Check.NOT_EXAMINED, f"{file}: is no Python that can be read")
                continue
            lines = {
                node.lineno for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr == _OBSERVES
            }
            yield from (Finding(Check.ROUTE_OBSERVES, f"{file}:{line}: a rule observes only") for line in sorted(lines))


def _case_findings(path: Path, document: bytes) -> Iterator[Finding]:
    try:
        files = cases_about(path)
        results = run_cases(load_cases(compile_cases(files)), document) if files else ()
    except click.ClickException as error:
        yield Finding(Check.CASES_FAIL, error.message)
        return
    if not results:
        yield Finding(Check.POLICY_WITHOUT_CASES, f"{path.name}: no cases are about it")
    failed = [result for result in results if result.differs]
    if failed:
        yield Finding(Check.CASES_FAIL, f"{path.name}: {len(failed)} of {len(results)} cases have another verdict")


def _stage_findings(stage: str, environment: dict[str, str]) -> Iterator[Finding]:
    try:
        loaded = config.load(environment)
    except Malfunction as error:
        yield Finding(Check.CONFIGURATION_INVALID, f"stage {stage}: {error.detail}")
        return
    if loaded.test_stage:
        yield Finding(Check.TEST_STAGE, f"stage {stage}: test responses of Google Play's count")
    for what, pattern in _PLACEHOLDERS:
        if named := sorted(name for name, value in environment.items() if pattern.search(value)):
            yield Finding(Check.PLACEHOLDER, f"stage {stage}: {what} in {', '.join(named)}")

"""One act: a phone, or somebody without one, does its steps over HTTP; what came of each is kept beside what must."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import yaml

from assay_toolkit.demo.scenario import Act, RuleChange
from assay_toolkit.demo.stage import APP, AUDIENCE, Stage
from assay_toolkit.local.checkout import ROOT
from assay_toolkit.simulator.answers import Attested, Problem
from assay_toolkit.simulator.client import PhoneClient
from assay_toolkit.simulator.conditions import SOUND
from assay_toolkit.simulator.phone import AndroidPhone, ApplePhone, Phone

_PHONES: Final[Mapping[str, type[AndroidPhone | ApplePhone]]] = {"android": AndroidPhone, "apple": ApplePhone}

# What the demo bank takes; see assay_toolkit.bank.
_PASSWORD: Final = "demo"  # noqa: S105 - public, and good for nothing
_CODES: Final = {"step_up": "246810", "step_up_wrong": "135790"}
_TEN_MINUTES: Final = 600  # seconds: past any session token's end
# Workers read what is in force at most every 2 s (docs/architecture.md, "Stores"); the clock moves, nobody waits.
_UNTIL_POLICY_IS_READ: Final = 3


@dataclass(frozen=True, slots=True)
class Step:
    """`milliseconds`: all requests of the step together, as the phone saw them."""

    done: str
    wanted: str
    came: str
    milliseconds: float

    @property
    def holds(self) -> bool:
        return self.came == self.wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """Assay's last decision record about somebody. `tier`: "refused" for a refusal, "" where Assay was not asked."""

    tier: str = ""
    reasons: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What came of an act. `wrong`: every sentence of the scenario that does not hold."""

    act: Act
    steps: tuple[Step, ...]
    said: Said
    effects: tuple[str, ...]
    wrong: tuple[str, ...]

    @property
    def milliseconds(self) -> float:
        return sum(step.milliseconds for step in self.steps)


@dataclass(slots=True)
class Company:
    """Plays acts one after another. `victims`: the actors that played before, by name."""

    stage: Stage
    service: httpx.Client
    bank: httpx.Client
    victims: dict[str, "_Actor"] = field(default_factory=dict)

    def play(self, act: Act) -> Played:
        actor = _Actor(act=act, company=self)
        steps = tuple(actor.take(done, str(wanted)) for step in act.steps for done, wanted in step.items())
        self.victims[act.who] = actor
        said = actor.said()
        effects = actor.effects()
        wrong = [f"{step.done}: {step.came}, not {step.wanted}" for step in steps if not step.holds]
        if act.says is not None:
            if said.tier != act.says.tier:
                wrong.append(f"Assay said {said.tier}, not {act.says.tier}")
            if set(said.reasons) != act.says.reasons:
                wrong.append(f"Assay's reasons are {sorted(said.reasons)}, not {sorted(act.says.reasons)}")
            if set(said.evidence) != act.says.evidence:
                wrong.append(f"Assay appraised {sorted(said.evidence)}, not {sorted(act.says.evidence)}")
        for effect, wanted in (("reported", act.reported), ("notified", act.notified), ("delayed", act.delayed)):
            if (effect in effects) != wanted:
                wrong.append(f"{'not ' if wanted else ''}{effect}")
        return Played(act=act, steps=steps, said=said, effects=effects, wrong=tuple(wrong))


class _Actor:
    def __init__(self, *, act: Act, company: Company) -> None:
        self._act = act
        self._stage = company.stage
        self._bank = company.bank
        self._victims = company.victims
        self._service = company.service
        self._user = act.who
        self._session: str | None = None
        self._delayed = False
        self._reference: str | None = None
        self.phone: Phone | None = None
        if act.platform is not None:
            self.phone = _PHONES[act.platform](app=APP, audience=AUDIENCE, condition=act.state)
            self.client = PhoneClient(phone=self.phone, service=company.service)

    def take(self, done: str, wanted: str) -> Step:
        steps: Mapping[str, Callable[[], str]] = {
            "enrol": lambda: self._heard(self.client.enrol()),
            "renew": lambda: self._heard(self.client.renew()),
            "replay": self._replay,
            "splice": self._splice,
            "analyst": self._change_policy,
            "login": self._login,
            "quote": lambda: self._decision(self._call("GET", "/quote?pair=EURUSD")),
            "transfer": self._transfer,
            "step_up": lambda: self._step_up("step_up"),
            "step_up_wrong": lambda: self._step_up("step_up_wrong"),
            "steal": self._steal,
            "no_token": lambda: self._decision(self._bank.get("/quote?pair=EURUSD")),
            "later": self._later,
        }
        started = time.perf_counter()
        came = steps[done]()
        return Step(done, wanted, came, (time.perf_counter() - started) * 1_000)

    def said(self) -> Said:
        # A refused phone shows a reference to support; a token is found by the key that it names.
        jkt = self.phone.jkt if self.phone else None
        member, value = ("reference", self._reference) if self._reference else ("jkt", jkt)
        records = self._stage.records(member, value) if value else []
        # A discarded judgement left no answer: the one that did has its own record, which may stand before it where a
        # slow store answered a commit's second attempt.
        answered = [record for record in records if record["outcome"] != "discarded"]
        if not answered:
            return Said()
        last = answered[-1]
        if last["outcome"] == "refused":
            return Said(tier="refused", reasons=(last["refusal"],))
        return Said(tier=last["tier"], reasons=tuple(last.get("reasons", ())), evidence=tuple(last["formats"]))

    def effects(self) -> tuple[str, ...]:
        reports = self._bank.get("/fraud-reports").json()
        notices = self._bank.get("/notices").json()
        jkt = self.phone.jkt if self.phone else None
        effects = {
            "reported": any(report["instance"] == jkt for report in reports),
            "notified": any(notice["user"] == self._user for notice in notices),
            "delayed": self._delayed,
        }
        return tuple(effect for effect, happened in effects.items() if happened)

    def _heard(self, answer: Attested | Problem) -> str:
        if isinstance(answer, Attested):
            self._reference = None
            return "token"
        self._reference = answer.reference.removeprefix("urn:uuid:")
        return answer.kind

    def _replay(self) -> str:
        """Another report under the challenge that the enrolment spent."""
        if self.phone is None:
            raise TypeError("nobody to replay")
        challenge = self.client.take_challenge("enrol")
        if isinstance(challenge, Problem):
            return challenge.kind
        self.client.submit(self.phone.build_enrolment(challenge=challenge))
        return self._heard(self.client.submit(self.phone.build_enrolment(challenge=challenge)))

    def _splice(self) -> str:
        """This phone's proof and statement, around what a sound phone's self-protection says."""
        if self.phone is None:
            raise TypeError("nobody's evidence")
        challenge = self.client.take_challenge("enrol")
        if isinstance(challenge, Problem):
            return challenge.kind
        own = json.loads(self.phone.build_enrolment(challenge=challenge))
        sound = type(self.phone)(app=APP, audience=AUDIENCE, condition=SOUND)
        own["rasp_report"] = json.loads(sound.build_enrolment(challenge=challenge))["rasp_report"]
        return self._heard(self.client.submit(json.dumps(own).encode()))

    def _change_policy(self) -> str:
        """What an analyst does: edit a rule, say what it is to do, publish, activate."""
        if self._act.analyst is None:
            raise TypeError("nothing to change")
        edited = _edited_policy(self._act.analyst, self._stage.folder / "edited.yaml")
        cases = _edited_cases(self._act.analyst, self._stage.folder / "edited-cases.yaml")
        digest = self._stage.run_assay("policy", "publish", str(edited), "--cases", str(cases))
        reason = f"{self._act.analyst.rule} becomes {self._act.analyst.to}"
        self._stage.run_assay("policy", "activate", digest, "--author", "analyst", "--reason", reason)
        httpx.post(f"{self._stage.control}/clock", json={"seconds": _UNTIL_POLICY_IS_READ}).raise_for_status()
        return "in force"

    def _login(self) -> str:
        answer = self._call("POST", "/login", {"user": self._user, "password": _PASSWORD})
        if answer.is_success:
            self._session = answer.json()["session"]
        return self._decision(answer)

    def _transfer(self) -> str:
        if self._session is None and self.phone is not None:
            self._login()
        return self._decision(self._call("POST", "/transfer", {"to": "DE00 0000", "amount": 100}))

    def _step_up(self, which: str) -> str:
        return str(self._call("POST", "/step-up", {"code": _CODES[which]}).status_code)

    def _steal(self) -> str:
        """A genuine token, and a proof by a key that it does not name."""
        victim = self._victims[str(self._act.victim)].client.token
        return self._decision(self._call("GET", "/quote?pair=EURUSD", token=victim))

    def _later(self) -> str:
        self._bank.post("/clock", json={"shift": _TEN_MINUTES}).raise_for_status()
        if self.phone is not None:  # the proof is a fresh one; it is the token that is old
            self.phone.hear_time(self.phone.service_time + _TEN_MINUTES)
        answer = self._call("GET", "/quote?pair=EURUSD")
        self._bank.post("/clock", json={"shift": 0}).raise_for_status()
        return self._decision(answer)

    def _call(
        self, method: str, path: str, content: dict[str, Any] | None = None, *, token: str | None = None
    ) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self._session}"} if self._session else {}
        if (token or self.client.token) is None:  # somebody whom Assay refused tries all the same
            return self._bank.request(method, path, json=content, headers=headers)
        return self.client.call(
            backend=self._bank,
            method=method,
            url=f"{self._stage.bank}{path}",
            body=b"" if content is None else json.dumps(content).encode(),
            headers=headers,
            token=token,
        )

    def _decision(self, answer: httpx.Response) -> str:
        self._delayed = self._delayed or "Assay-Delay" in answer.headers
        if answer.headers.get("content-type", "").startswith("application/problem+json"):
            return str(answer.json()["type"]).rpartition(":")[2]
        return str(answer.headers.get("Assay-Decision", answer.status_code))


def _edited_policy(change: RuleChange, target: Path) -> Path:
    """The baseline with one rule changed. Raises ValueError where it has no such rule."""
    policy = yaml.safe_load((ROOT / "policies" / "baseline.yaml").read_text(encoding="utf-8"))
    rules = [rule for rule in policy["rules"] if rule["rule"] == change.rule]
    if not rules:
        raise ValueError(f"the baseline has no rule {change.rule}")
    for rule in rules:
        rule["to"] = change.to
    target.write_text(yaml.safe_dump(policy, sort_keys=False), encoding="utf-8")
    return target


def _edited_cases(change: RuleChange, target: Path) -> Path:
    """The analyst's case, against the sound Android phone of the baseline's own cases."""
    cases = yaml.safe_load((ROOT / "policies" / "cases" / "android.yaml").read_text(encoding="utf-8"))
    target.write_text(yaml.safe_dump({**cases, "cases": [change.case]}, sort_keys=False), encoding="utf-8")
    return target

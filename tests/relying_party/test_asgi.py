"""The middleware as a client meets it, through ASGI and HTTP semantics."""

import asyncio
import logging

import httpx
import pytest

from assay_rp import (
    AttestationMiddleware,
    Decision,
    Mode,
    RouteRule,
    Tier,
    TierRule,
    TokenKind,
    UnprotectedRoute,
    errors,
)

TIERS = TierRule(allow=Tier.AFFIRMING, step_up=Tier.WARNING)
RULES = (
    RouteRule(method="POST", path="/transfer", action="transfer"),
    RouteRule(method="GET", path="/accounts/{id}/quote", action="browse"),
    RouteRule(method="POST", path="/payout", action="payout", token=TokenKind.REQUEST),
    RouteRule(method="POST", path="/watched", action="transfer", mode=Mode.OBSERVE_WITHOUT_ENFORCING),
)


class Bank:
    """The protected app, and everything that the middleware is given, recorded."""

    def __init__(self, world, **options):
        self.world = world
        self.seen = []
        self.reports = []
        self.slept = []
        self.acrs = set()
        self.middleware = AttestationMiddleware(
            self.app,
            **{
                "verifier": world.verifier(confidential_keys=world.confidential_keys()),
                "public_origin": "https://api.bank.example",
                "rules": RULES,
                "unprotected": [UnprotectedRoute(method="GET", path="/health")],
                "default_acr": "urn:bank:acr:default",
                "has_acr": self.has_acr,
                "report": self.report,
                "sleep": self.sleep,
                "pick_delay": lambda lowest, highest: (lowest + highest) / 2,
                **options,
            },
        )

    async def app(self, scope, receive, send):
        body = b""
        more = scope["type"] == "http"
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        self.seen.append((scope, body))
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body"})

    async def has_acr(self, _scope, acr, /):
        return acr in self.acrs

    async def report(self, obligation, scope, /):
        self.reports.append((obligation, scope["assay"]))

    async def sleep(self, seconds):
        self.slept.append(seconds)

    def request(self, method, url, *, headers=None, content=b""):
        async def send():
            transport = httpx.ASGITransport(app=self.middleware)
            # Another host than the public one, as behind a proxy.
            async with httpx.AsyncClient(transport=transport, base_url="http://10.0.0.7:8080") as client:
                return await client.request(method, url, headers=headers, content=content)

        return asyncio.run(send())

    def attested(self, method="POST", path="/transfer", *, query="", token=None, kind=TokenKind.SESSION, **verdict):
        world = self.world
        world.method, world.htu = method, f"https://api.bank.example{path}"
        world.query, world.body = query.encode(), b'{"amount": 1}' if method == "POST" else b""
        binding = world.request_members() if kind is TokenKind.REQUEST else {}
        token = token or world.confidential_token(kind, verdict=verdict, **binding)
        headers = {"OAuth-Client-Attestation": token, "OAuth-Client-Attestation-PoP": world.proof(token)}
        url = f"{path}?{query}" if query else path
        return self.request(method, url, headers=headers, content=world.body)


@pytest.fixture
def bank(world):
    return Bank(world)


ALLOW = {"*": {"decision": "allow"}}


def problem(response):
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["cache-control"] == "no-store"
    document = response.json()
    assert document["status"] == response.status_code
    return document["type"].removeprefix("urn:assay:rp:problem:")


def test_a_request_that_may_pass_reaches_the_app_whole_with_its_outcome(bank):
    assert bank.attested(advice=ALLOW).status_code == 204

    [(scope, body)] = bank.seen
    assert body == b'{"amount": 1}'
    assert scope["assay"].enforced
    assert scope["assay"].refusal is None
    assert scope["assay"].judgement.decision is Decision.ALLOW
    assert scope["assay"].request.token.tier is Tier.WARNING
    assert not bank.slept


def test_the_query_is_part_of_what_was_signed(bank):
    assert bank.attested(query="from=1&to=2", advice=ALLOW).status_code == 204


def test_the_path_is_compared_as_the_client_spelled_it(bank):
    assert bank.attested("GET", "/accounts/a%20b/quote").status_code == 204


def test_a_request_without_a_token_is_asked_for_one(bank):
    response = bank.request("POST", "/transfer")

    assert (response.status_code, problem(response)) == (401, "attestation-missing")
    assert response.headers["www-authenticate"] == 'OAuth-Client-Attestation error="attestation_missing"'
    assert not bank.seen


@pytest.mark.parametrize("missing", ["OAuth-Client-Attestation", "OAuth-Client-Attestation-PoP"])
def test_one_header_is_not_enough(bank, missing):
    headers = {"OAuth-Client-Attestation": "x", "OAuth-Client-Attestation-PoP": "x"}
    headers.pop(missing)
    assert problem(bank.request("POST", "/transfer", headers=headers)) == "attestation-missing"


def test_a_header_that_comes_twice_is_refused(bank):
    headers = [("OAuth-Client-Attestation", "x"), ("oauth-client-attestation", "y")]
    response = bank.request("POST", "/transfer", headers=[*headers, ("OAuth-Client-Attestation-PoP", "x")])
    assert (response.status_code, problem(response)) == (401, "header-repeated")


@pytest.mark.parametrize("text", [b"x", b"\xff\xfe", b"a.b.c", b""])
def test_what_is_no_token_is_refused(bank, text):
    headers = [(b"OAuth-Client-Attestation", text), (b"OAuth-Client-Attestation-PoP", b"x")]
    response = bank.request("POST", "/transfer", headers=headers)
    assert (response.status_code, problem(response)) == (401, "token-malformed")


def test_a_verdict_of_none_is_answered_like_no_token(bank):
    response = bank.attested(ear_status="none", advice=ALLOW)
    assert (response.status_code, problem(response)) == (401, "attestation-missing")


def test_a_denial_says_no_more_than_that(bank):
    advice = {"*": {"decision": "deny", "obligations": ["investigate", "notify"]}}
    response = bank.attested(ear_status="contraindicated", reasons=["rasp_hooking"], advice=advice)

    assert (response.status_code, problem(response)) == (403, "attestation-denied")
    assert set(response.json()) == {"type", "title", "status"}
    assert not bank.seen
    assert [obligation for obligation, _ in bank.reports] == ["investigate", "notify"]
    assert all(outcome.refusal.code == "attestation_denied" for _, outcome in bank.reports)


def test_a_step_up_names_the_authentication_that_would_do(bank):
    response = bank.attested()

    assert (response.status_code, problem(response)) == (401, "step-up-required")
    assert response.headers["www-authenticate"] == (
        'Bearer error="insufficient_user_authentication", '
        'error_description="This request needs a stronger authentication", acr_values="urn:bank:acr:code"'
    )
    assert not bank.seen


def test_a_step_up_without_acr_names_the_configured_one(bank):
    response = bank.attested(advice={"*": {"decision": "step_up"}})
    assert 'acr_values="urn:bank:acr:default"' in response.headers["www-authenticate"]


def test_whoever_has_stepped_up_passes(bank):
    bank.acrs.add("urn:bank:acr:code")
    assert bank.attested().status_code == 204


def test_without_a_way_to_ask_nobody_has_stepped_up(world):
    assert Bank(world, has_acr=None).attested().status_code == 401


def test_a_delay_is_waited_for_and_bounded(world, bank):
    assert bank.attested("GET", "/accounts/7/quote").status_code == 204
    assert bank.slept == [4]
    assert bank.seen[0][0]["assay"].waited_seconds == 4

    hasty = Bank(world, max_delay_seconds=0.5)
    hasty.attested("GET", "/accounts/7/quote")
    assert hasty.slept == [0.5]


def test_obligations_of_a_request_that_passes_are_reported_before_it(bank):
    bank.acrs.add("urn:bank:acr:code")
    bank.attested()
    [(obligation, outcome)] = bank.reports
    assert obligation == "notify"
    assert outcome.request.token.confidential.reasons == ("rasp_developer_mode",)


def test_a_route_that_wants_a_request_token_takes_no_other(bank):
    response = bank.attested(path="/payout", advice=ALLOW)
    assert (response.status_code, problem(response)) == (401, "token-type")
    assert bank.attested(path="/payout", kind=TokenKind.REQUEST, advice=ALLOW).status_code == 204


def test_a_route_for_sessions_takes_no_request_token(bank):
    assert problem(bank.attested(kind=TokenKind.REQUEST, advice=ALLOW)) == "token-type"


def test_the_public_origin_is_what_a_proof_is_compared_with(world):
    elsewhere = Bank(world, public_origin="https://other.bank.example")
    assert problem(elsewhere.attested(advice=ALLOW)) == "proof-request-mismatch"


@pytest.mark.parametrize(
    "origin",
    [
        "https://api.bank.example/",
        "https://api.bank.example/v1",
        "https://API.bank.example",
        "http://api.bank.example",
        "api.bank.example",
        "https://",
    ],
)
def test_a_public_origin_has_one_spelling(world, origin):
    with pytest.raises(ValueError, match="public_origin"):
        Bank(world, public_origin=origin)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/transfer"),
        ("POST", "/transfer/"),
        ("POST", "//transfer"),
        ("POST", "/Transfer"),
        ("GET", "/accounts//quote"),
        ("GET", "/accounts/a%2Fb/quote"),
        ("HEAD", "/health"),
        ("GET", "/"),
    ],
)
def test_a_route_that_nobody_listed_is_closed(bank, method, path):
    response = bank.request(method, path)
    assert response.status_code == 403
    assert not bank.seen


def test_an_unprotected_route_passes_without_an_outcome(bank):
    assert bank.request("GET", "/health").status_code == 204
    assert bank.seen[0][0]["assay"] is None


def test_the_more_literal_route_is_meant(world):
    rules = [
        RouteRule(method="POST", path="/{anything}", action="browse"),
        RouteRule(method="POST", path="/transfer", action="transfer"),
    ]
    assert problem(Bank(world, rules=rules).attested()) == "step-up-required"


@pytest.mark.parametrize("path", ["/accounts/{number}/quote", "transfer"])
def test_a_route_table_with_two_readings_is_not_made(world, path):
    with pytest.raises(ValueError, match=r"two entries|slash"):
        Bank(world, unprotected=[UnprotectedRoute(method="GET", path=path)])


def test_a_body_beyond_the_bound_is_refused(world):
    small = Bank(world, max_body_bytes=12)
    response = small.attested(advice=ALLOW)
    assert (response.status_code, problem(response)) == (413, "body-too-large")
    assert "www-authenticate" not in response.headers


def test_keys_that_cannot_be_had_are_a_503(world):
    class Down:
        def key(self, _kid, /):
            raise errors.KeysUnavailable("test")

    response = Bank(world, verifier=world.verifier(jwks=Down())).attested(advice=ALLOW)
    assert (response.status_code, problem(response)) == (503, "keys-unavailable")
    assert response.headers["retry-after"] == "5"


def test_observing_lets_everything_pass_and_says_what_would_have_happened(bank, caplog):
    caplog.set_level(logging.INFO, logger="assay_rp")
    assert bank.request("POST", "/watched").status_code == 204
    assert bank.attested(path="/watched").status_code == 204
    assert bank.attested(path="/watched", advice={"*": {"decision": "delay"}}).status_code == 204

    assert [message for _, _, message in caplog.record_tuples] == [
        "observed only: POST /watched would be deny (attestation_missing)",
        "observed only: POST /watched would be step_up (step_up_required)",
        "observed only: POST /watched would be delay (passes)",
    ]
    assert [scope["assay"].enforced for scope, _ in bank.seen] == [False] * 3
    assert not bank.slept
    assert not bank.reports


def test_observing_passes_on_a_body_that_was_too_large_to_check(world):
    bank = Bank(world, max_body_bytes=4)

    async def chunks():
        for chunk in (b"abc", b"def", b"ghi"):
            yield chunk

    headers = {"OAuth-Client-Attestation": "x", "OAuth-Client-Attestation-PoP": "x"}
    assert bank.request("POST", "/watched", headers=headers, content=chunks()).status_code == 204
    [(scope, body)] = bank.seen
    assert body == b"abcdefghi"
    assert scope["assay"].refusal.code == "body_too_large"


def test_no_log_line_holds_a_token_or_a_proof(bank, caplog):
    caplog.set_level(logging.DEBUG, logger="assay_rp")
    token = bank.world.confidential_token()
    bank.attested(token=token)
    assert "step_up_required" in caplog.text
    assert token[-40:] not in caplog.text


def test_a_client_that_leaves_before_its_body_is_not_answered(bank):
    sent = []

    async def receive():
        return {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/transfer", "query_string": b"", "headers": []}
    asyncio.run(bank.middleware(scope, receive, send))
    assert not sent
    assert not bank.seen


def test_websockets_are_closed_and_the_lifespan_passes(bank):
    sent = []

    async def send(message):
        sent.append(message)

    asyncio.run(bank.middleware({"type": "websocket", "path": "/transfer"}, None, send))
    assert sent == [{"type": "websocket.close", "code": 1008}]
    asyncio.run(bank.middleware({"type": "lifespan"}, None, send))
    assert [scope["type"] for scope, _ in bank.seen] == ["lifespan"]


def test_a_server_without_raw_path_is_served_too(bank):
    """`raw_path` is optional in ASGI."""
    world = bank.world
    world.method, world.htu, world.query, world.body = "GET", "https://api.bank.example/accounts/a%20b/quote", b"", b""
    token = world.confidential_token()
    headers = [
        (b"oauth-client-attestation", token.encode()),
        (b"oauth-client-attestation-pop", world.proof(token).encode()),
    ]
    scope = {"type": "http", "method": "GET", "path": "/accounts/a b/quote", "query_string": b"", "headers": headers}

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(_message):
        pass

    asyncio.run(bank.middleware(scope, receive, send))
    assert bank.seen[0][0]["assay"].refusal is None


def test_one_proof_sent_many_times_at_once_passes_once(world):
    rule = RouteRule(method="POST", path="/transfer", tiers=TIERS)
    bank = Bank(world, verifier=world.verifier(), rules=[rule])
    world.method, world.htu, world.query = "POST", "https://api.bank.example/transfer", b""
    token = world.token()
    headers = {"OAuth-Client-Attestation": token, "OAuth-Client-Attestation-PoP": world.proof(token)}

    async def together():
        transport = httpx.ASGITransport(app=bank.middleware)
        async with httpx.AsyncClient(transport=transport, base_url="http://bank") as client:
            requests = [client.post("/transfer", headers=headers, content=world.body) for _ in range(8)]
            return [response.status_code for response in await asyncio.gather(*requests)]

    assert sorted(asyncio.run(together())) == [204] + [401] * 7

"""The Chalice app: routes, middleware, schedule."""

from collections.abc import Callable
from typing import Final

from chalice.app import Blueprint, Chalice, CloudWatchEvent, ConvertToMiddleware, Rate, Request, Response

from chalicelib.api import observability
from chalicelib.api.edge import PROBLEM_JSON, Edge, Runtime
from chalicelib.api.problems import Problem

# A key must be readable long before it signs (lead of at least 24 h): an hour between publications is well within.
_PUBLICATION: Final = Rate(1, unit=Rate.HOURS)
# A key that Google revoked counts for an hour at most. Hourly, the list is well within what policies allow of its age.
_REFRESHING: Final = Rate(1, unit=Rate.HOURS)
# How long a new instance has no risk metric at most, unless more is due than a run can do.
_MEASURING: Final = Rate(1, unit=Rate.HOURS)


def build(runtime: Runtime, *, chalice: type[Chalice] = Chalice) -> Chalice:
    """The whole app. `chalice`: the class to make it of, for servers with threads (`chalice.local.LocalChalice`)."""
    app = chalice(app_name=observability.NAME, configure_logs=False)
    edge = Edge(runtime)
    # In this order from outside to inside.
    app.register_middleware(ConvertToMiddleware(runtime.log.inject_lambda_context))
    app.register_middleware(observability.log_requests(runtime.log, runtime.clock), "http")
    app.register_middleware(_chalice_errors_as_problems(edge), "http")
    app.register_blueprint(_routes(edge))

    # Lambda calls scheduled handlers by the names `app.publish_keys` and so on: app.py exports them.
    @app.schedule(_PUBLICATION)
    def publish_keys(_event: CloudWatchEvent) -> None:
        """The JWKS to the static endpoint. A Malfunction fails the invocation: Lambda retries, and an alarm sees it."""
        runtime.use_cases().keys.publish()

    @app.schedule(_REFRESHING)
    def refresh_endorsements(_event: CloudWatchEvent) -> None:
        """Google's revocation list and roots. What is wrong with them is an event; a Malfunction fails the
        invocation."""
        report = runtime.use_cases().endorsements.refresh()
        runtime.log.info("endorsements", status_list=report.status_list, roots_known=report.roots_known)

    @app.schedule(_MEASURING)
    def refresh_risk_metrics(_event: CloudWatchEvent) -> None:
        """Receipts of App Attest keys, exchanged for newer ones. A Malfunction fails the invocation."""
        report = runtime.use_cases().risk_metrics.refresh()
        runtime.log.info("risk metrics", finished=report.finished, receipts=dict(report.fates))

    return app


def _routes(edge: Edge) -> Blueprint:
    blueprint = Blueprint(__name__)

    # `content_types` empty: Chalice's own check lets a missing declaration pass, and answers in a form of its own.
    @blueprint.route("/v1/challenges", methods=["POST"], content_types=[])
    def create_challenge() -> Response:
        return edge.create_challenge(blueprint.current_request)

    @blueprint.route("/v1/attestations", methods=["POST"], content_types=[])
    def create_attestation() -> Response:
        return edge.create_attestation(blueprint.current_request)

    @blueprint.route("/.well-known/jwks.json", methods=["GET"])
    def jwks() -> Response:
        return edge.jwks()

    @blueprint.route("/v1/health", methods=["GET"])
    def health() -> Response:
        return edge.health()

    return blueprint


def _chalice_errors_as_problems(edge: Edge) -> observability.Middleware:
    """Chalice answers unknown methods, and exceptions that nobody expected, in a form of its own.

    An exception is logged by then, and `observability.LocationOnly` saw to it that its message is not.
    """

    def middleware(event: Request, get_response: Callable[[Request], Response]) -> Response:
        response: Response = get_response(event)
        if response.status_code < 400 or response.headers.get("Content-Type") == PROBLEM_JSON:
            return response
        if response.status_code != 405:
            return edge.problem(Problem.MALFUNCTION)
        problem = edge.problem(Problem.METHOD_NOT_ALLOWED)
        problem.headers["Allow"] = response.headers["Allow"]
        return problem

    return middleware

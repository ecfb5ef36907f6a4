"""Which cases a policy was published with: lines beside the documents, added and never changed.

    id                      revision
    cases#<policy sha-256>  1, 2, …     digest: the document of cases. The last one counts

The policy's own item cannot say it: it is written once, and the cases of a policy grow.
"""

from typing import TYPE_CHECKING, Annotated, Final

import msgspec

from chalicelib.aws.errors import answering
from chalicelib.aws.items import from_item, to_item
from chalicelib.model.reasons import MalfunctionReason
from chalicelib.service.ports import ActivationConflict

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

CASES_KIND: Final = "policy_cases"

_Digest = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]


class _Line(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    id: str
    revision: Annotated[int, msgspec.Meta(ge=1)]
    digest: _Digest


class PolicyCases:
    """For the toolkit, with the publisher's role: the service judges phones and no cases."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def of(self, policy: str) -> str | None:
        """The digest of the cases that the policy was last published with. Raises Malfunction(STORE_UNAVAILABLE)."""
        line = self._last(policy)
        return line.digest if line else None

    def link(self, *, policy: str, cases: str) -> None:
        """`cases` are the policy's from now on. Where they already are, nothing is written.
        Raises ActivationConflict where somebody else links others at this moment, Malfunction(STORE_UNAVAILABLE)."""
        last = self._last(policy)
        if last and last.digest == cases:
            return
        line = _Line(id=_lines(policy), revision=last.revision + 1 if last else 1, digest=cases)
        with answering(MalfunctionReason.STORE_UNAVAILABLE, "link"):
            try:
                self._client.put_item(
                    TableName=self._table,
                    Item=to_item(msgspec.structs.asdict(line)),
                    ConditionExpression="attribute_not_exists(id)",
                )
            except self._client.exceptions.ConditionalCheckFailedException as failed:
                raise ActivationConflict from failed

    def _last(self, policy: str) -> _Line | None:
        with answering(MalfunctionReason.STORE_UNAVAILABLE, "cases"):
            answer = self._client.query(
                TableName=self._table,
                KeyConditionExpression="id = :id",
                ExpressionAttributeValues=to_item({":id": _lines(policy)}),
                ScanIndexForward=False,
                Limit=1,
                ConsistentRead=True,
            )
        for item in answer["Items"]:
            line: _Line = from_item(item, _Line, of="cases")
            return line
        return None


def _lines(policy: str) -> str:
    return f"cases#{policy}"

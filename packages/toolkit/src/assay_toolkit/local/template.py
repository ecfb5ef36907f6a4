"""The tables of `infra/data.yaml`, for a DynamoDB that CloudFormation does not reach."""

from typing import Any

import yaml

from assay_toolkit.local.checkout import ROOT

# What CreateTable does not take: other calls set it on AWS, and locally nothing needs it.
_APART = (
    "TimeToLiveSpecification",
    "PointInTimeRecoverySpecification",
    "SSESpecification",
    "DeletionProtectionEnabled",
)


class _Loader(yaml.SafeLoader):
    """CloudFormation's short functions as plain values."""


def _function(loader: _Loader, _suffix: str, node: yaml.Node) -> object:
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    raise TypeError("YAML has three kinds of nodes")


_Loader.add_multi_constructor("!", _function)


def tables(*, stage: str) -> list[dict[str, Any]]:
    """Arguments of `create_table`, one dictionary per table of the template."""
    text = (ROOT / "infra" / "data.yaml").read_text(encoding="utf-8")
    template = yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
    properties = [
        resource["Properties"]
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::DynamoDB::Table"
    ]
    return [
        {
            **{name: value for name, value in table.items() if name not in _APART},
            "TableName": table["TableName"].replace("${Stage}", stage),
        }
        for table in properties
    ]

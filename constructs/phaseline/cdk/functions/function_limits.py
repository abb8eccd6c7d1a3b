"""Holds a function that we make against what Lambda and IAM take of one: a deploy would fail by it half-way.

What is known at a deploy alone, the ARN of a queue, is counted with as many characters as it may well get.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from constructs import IConstruct

from phaseline.cdk.basics.quotas import ENVIRONMENT, ROLE_POLICIES
from phaseline_runtime.errors import UserError

_PSEUDO = re.compile(r"\$\{Token\[AWS\.(Partition|Region|AccountId|URLSuffix)\.\d+\]\}")
_TOKEN = re.compile(r"\$\{Token\[[^\]]*\]\}")
_OF_PSEUDO, _OF_TOKEN = "x" * 16, "x" * 160
"""`ap-southeast-1`, and an ARN with the name that CloudFormation has made."""


def check_variables(scope: IConstruct, variables: Mapping[str, str]) -> None:
    """Raise UserError where a function's variables are larger than Lambda takes. They are measured as JSON."""
    size = len(_known(variables).encode())
    if size > ENVIRONMENT:
        raise UserError(
            f"{_owner(scope)}: its variables have {size} bytes, with those of Phaseline; Lambda takes {ENVIRONMENT}: "
            "keep what is long in a parameter or a secret, and let the code read it"
        )


def check_policies(scope: IConstruct, statements: Sequence[Mapping[str, Any]]) -> None:
    """Raise UserError where the statements of a function's role are longer than IAM takes, white space left out."""
    size = len(re.sub(r"\s", "", _known({"Version": "2012-10-17", "Statement": statements})))
    if size > ROLE_POLICIES:
        raise UserError(
            f"{_owner(scope)}: what its role may do has {size} characters, with what Phaseline needs; IAM takes "
            f"{ROLE_POLICIES}: name fewer secrets and resources, or give some by a managed policy, which counts apart "
            "(`role.add_managed_policy`)"
        )


def _owner(scope: IConstruct) -> str:
    """Whose function it is: what stands behind a dot in an id is ours."""
    return scope.node.id.partition(".")[0]


def _known(value: Any) -> str:
    """The value as JSON, with something in the place of each token."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return _TOKEN.sub(_OF_TOKEN, _PSEUDO.sub(_OF_PSEUDO, text))

"""What AWS and MongoDB take as a name, checked where it is given: a wrong one fails half-way through, or at run time.

Sources: the API references of Amazon EventBridge, AWS Secrets Manager, AWS Systems Manager and AWS KMS; MongoDB manual,
"MongoDB Limits and Thresholds" and "Change Streams"; Atlas App Services, "Trigger Configuration Files".
"""

from __future__ import annotations

import re
from enum import Enum

from aws_cdk import Token

from phaseline.config.reading import texts
from phaseline_runtime.errors import UserError


class Name(Enum):
    """Each with its pattern, and with what an error says is allowed."""

    BUS = (texts.BUS.pattern, "a bus's name, no ARN: 1 to 256 letters, digits and / . - _")
    OWN_BUS = (
        r"(?!default$)[.\-_A-Za-z0-9]{1,256}",
        "a name for a new bus: 1 to 256 letters, digits and . - _, not `default`",
    )
    PARTNER = (
        r"(?=.{1,256}$)aws\.partner(/[.\-_A-Za-z0-9]+){2,}",
        "`aws.partner/PARTNER/NAME`, as the partner's console shows it",
    )
    SECRET = (
        texts.SECRET.pattern,
        "a secret's name, or its whole ARN with the six characters that AWS has put at its end",
    )
    PARAMETER = (
        r"(?=.{1,1011}$)(?!/?(?i:aws|ssm))([A-Za-z0-9_.-]+|(/[A-Za-z0-9_.-]+)+)|arn:[^\s*?]+:parameter/[^\s*?]+",
        "a parameter's name, or its whole ARN: with a / in it, a name begins with one, and none begins with aws or ssm",
    )
    KEY = (r"arn:[^\s*?]+:key/[A-Za-z0-9-]+", "the ARN of a key (`arn:aws:kms:REGION:ACCOUNT:key/ID`), no alias")
    DATABASE = (
        r"(?!(?i:admin|local|config)$)[A-Za-z0-9_-]{1,63}",
        "1 to 63 letters, digits, - and _, and none of MongoDB's own: admin, local, config, however they are spelled",
    )
    CLUSTER = (r"[A-Za-z0-9-]{1,64}", "a cluster's name in Atlas, such as `Cluster0`: letters, digits and -, no host")
    TRIGGER = (r"[A-Za-z0-9_-]{1,64}", "1 to 64 letters, digits, - and _; by default it is `phaseline-DATABASE`")

    def check(self, owner: str, given: object) -> str:
        """The name. Raises UserError where it is none; a token, known at deploy time alone, is taken as it is."""
        pattern, allowed = self.value
        if not isinstance(given, str) or not (re.fullmatch(pattern, given) or Token.is_unresolved(given)):
            raise UserError(f"{owner}: got {given!r}; expected is {allowed}")
        return given

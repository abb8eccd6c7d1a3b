"""Checks of what AWS calls its things: ARNs, images, actions, tags. Each returns what is wrong with one, or None."""

from __future__ import annotations

import re
from unicodedata import category

from phaseline.config.faults import said, shown
from phaseline.config.reading.texts import check_filled

_FUNCTION = re.compile(
    r"arn:aws[a-z-]*:lambda:[a-z]{2,4}(-[a-z]+)+-\d:\d{12}:function:[A-Za-z0-9_-]{1,64}(:(\$LATEST|[A-Za-z0-9_-]{1,128}))?"
)
_LAYER = re.compile(r"arn:aws[a-z-]*:lambda:[a-z]{2,4}(-[a-z]+)+-\d:\d{12}:layer:[A-Za-z0-9_-]{1,140}:\d+")
_IMAGE = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.(?P<suffix>amazonaws\.(com(\.cn)?|eu))"
    r"/(?P<repository>[a-z0-9._/-]{2,256})(:(?P<tag>[\w][\w.-]{0,127})|@(?P<digest>sha256:[0-9a-f]{64}))"
)
_ACTION = re.compile(r"[a-z0-9-]+:[A-Za-z0-9*?]+")


def check_function_arn(text: str) -> str | None:
    """The ARN of a Lambda function, of a version or of an alias."""
    if _FUNCTION.fullmatch(text):
        return None
    return said(
        "is no ARN of a Lambda function",
        got=shown(text),
        allowed="arn:aws:lambda:REGION:ACCOUNT:function:NAME, with :ALIAS or :VERSION behind it",
    )


def check_layer(text: str) -> str | None:
    """The ARN of a layer's version."""
    if _LAYER.fullmatch(text):
        return None
    return said(
        "is no ARN of a layer's version", got=shown(text), allowed="arn:aws:lambda:REGION:ACCOUNT:layer:NAME:VERSION"
    )


def in_ecr(text: str) -> re.Match[str] | None:
    """The parts of an image's address in Amazon ECR; None where it is none."""
    return _IMAGE.fullmatch(text)


def check_image(text: str) -> str | None:
    """A folder with a Dockerfile, or an image in Amazon ECR, which is the only registry that Lambda takes one from."""
    if not text.strip():
        return said("must be an image", got=shown(text))
    if ".dkr.ecr." in text and in_ecr(text) is None:
        allowed = "ACCOUNT.dkr.ecr.REGION.amazonaws.com/NAME:TAG, or @sha256:DIGEST"
        return said("is no image in Amazon ECR", got=shown(text), allowed=allowed)
    return None


def check_action(text: str) -> str | None:
    """An action of IAM's. All actions of all services are more than any job needs."""
    if _ACTION.fullmatch(text):
        return None
    return said("is no action of IAM's", got=shown(text), allowed="service:Action, such as s3:GetObject or s3:Get*")


def check_resource(text: str) -> str | None:
    """A resource in a policy."""
    if (fault := check_filled(text)) is not None:
        return fault
    if text == "*" or (text.startswith("arn:") and text.count(":") >= 5):
        return None
    return said("is no resource of a policy", got=shown(text), allowed="an ARN, *")


def check_tag(text: str) -> str | None:
    """The key of a tag."""
    if text.lower().startswith("aws:"):
        return said("begins with aws:, which is kept for AWS's own tags", got=shown(text))
    return _check_tag(text, "key", 128) if text else said("must be the key of a tag", got=shown(text))


def check_tag_value(text: str) -> str | None:
    """The value of a tag."""
    return _check_tag(text, "value", 256)


def _check_tag(text: str, what: str, longest: int) -> str | None:
    # A line break or a tab is no space here: IAM takes letters, digits and separators by Unicode's classes.
    if len(text) <= longest and all(category(each)[0] in "LNZ" or each in "_.:/=+-@" for each in text):
        return None
    allowed = f"{longest} letters, digits, spaces and . : / = + - @ _ at most"
    return said(f"is no {what} of a tag", got=shown(text), allowed=allowed)

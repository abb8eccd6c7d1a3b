"""Phaseline: orchestrate AWS Lambda functions with MongoDB.

Importing this package must stay cheap: it never imports `aws_cdk`, which starts a Node process.
"""

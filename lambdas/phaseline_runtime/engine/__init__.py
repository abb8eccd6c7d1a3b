"""Pure decisions: from a definition, a folded state and answers to the statuses that ought to exist.

No I/O, no clock, no randomness, no boto3, no pymongo: whoever calls brings the time and the answers.
"""

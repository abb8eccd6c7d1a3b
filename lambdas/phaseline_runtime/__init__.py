"""What runs in Lambda: statuses, definitions, the engine, the store, the bundled Lambdas and the job runner.

A job needs nothing of it; what it may import is `current()`, `heartbeat()` and `transaction()`.
"""

from phaseline_runtime.current import Current, current, heartbeat, transaction

__all__ = ["Current", "current", "heartbeat", "transaction"]

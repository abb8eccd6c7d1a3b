"""What runs in Lambda: statuses, definitions, the engine, the store, the bundled Lambdas and the job runner.

A job needs nothing of it; what it may import is `current()` and `heartbeat()`.
"""

from phaseline_runtime.current import Current, current, heartbeat

__all__ = ["Current", "current", "heartbeat"]

"""A deterministic simulator of the real engine and handlers, everything from one seed; see `run.py` and `world.py`."""

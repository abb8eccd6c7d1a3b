"""From a job of the config to its function and its rule."""

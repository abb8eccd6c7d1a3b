"""The only place that talks to MongoDB: majority writes, primary reads."""

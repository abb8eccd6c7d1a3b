"""Reads queries and expressions as MongoDB would, and evaluates nothing."""

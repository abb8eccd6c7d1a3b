"""Which stack has what, and whether it fits: jobs in stacks of their own, limits of a bus and of a template."""

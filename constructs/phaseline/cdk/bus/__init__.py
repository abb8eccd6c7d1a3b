"""From a status in MongoDB to the function that waits for it: sources, the bus, patterns, rules, dead letters."""

"""How people are told: one line of text for a status, sent to the channels that subscribe to it."""

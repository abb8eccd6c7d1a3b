"""A Lambda function and all that belongs to it: code, layer, role, log, delivery, network, way to MongoDB."""

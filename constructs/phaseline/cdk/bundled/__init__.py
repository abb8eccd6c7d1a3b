"""The bundled Lambdas, what they read instead of the config, and its publication."""

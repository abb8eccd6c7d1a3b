"""The bundled Lambdas, one file each: parse the event, ask, store."""

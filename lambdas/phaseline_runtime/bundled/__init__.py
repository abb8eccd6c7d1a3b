"""The bundled Lambdas, one file `*_job` each: parse the event, ask, store."""

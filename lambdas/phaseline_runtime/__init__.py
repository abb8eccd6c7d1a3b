"""What runs in Lambda: statuses, definitions, the engine, the store, the bundled Lambdas and the job runner."""

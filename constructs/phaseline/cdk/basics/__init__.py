"""What every other folder of the constructs builds on: names, quotas, arguments, what CDK is asked once."""

"""The stacks that `cdk deploy` deploys, and the environments that they are deployed to."""

"""An app of its own: MongoDB's resource types, activated once in an account and region for all environments.

`cdk deploy --app "python3 -m stacks.atlas_types"`; see docs/atlas.md. No environment's stack needs it that has no Atlas
trigger and no Atlas users.
"""

from __future__ import annotations

import aws_cdk as cdk

from phaseline.cdk import AtlasTypes


def main(outdir: str | None = None) -> None:
    """Synthesize the stack, into this folder or that of the CDK's command line."""
    app = cdk.App(outdir=outdir)
    AtlasTypes(cdk.Stack(app, "phaseline-atlas-types", description="MongoDB's resource types for Phaseline"), "Types")
    app.synth()


if __name__ == "__main__":
    main()

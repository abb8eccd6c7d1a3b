"""`python -m phaseline.cli`: the command line where its script is not on the path."""

from phaseline.cli import main

if __name__ == "__main__":
    main()

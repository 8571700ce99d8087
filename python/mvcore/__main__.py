"""`python -m mvcore` runs the command `mvcore`, even if no script directory is on the PATH."""

import sys

from mvcore.cli.main import main

if __name__ == "__main__":
    sys.exit(main())

"""`python -m mvcore` is the command `mvcore`, also where no script directory is on the PATH."""

import sys

from mvcore.cli.main import main

if __name__ == "__main__":
    sys.exit(main())

"""The command line: `mvcore value`, `mvcore watch`, `mvcore demo`, `mvcore --version`.

Nothing here is imported by `import mvcore`: the service that embeds a book pays neither for
argparse nor for rich and pyarrow, which the commands import only where they use them.
"""

from mvcore.cli.main import main

__all__ = ["main"]

"""The command line `mvcore`: the commands value, watch, serve, inspect, export and demo.

`import mvcore` imports nothing from here, so a service that embeds a book does not pay for
argparse. A command imports rich and pyarrow only if it needs them.
"""

from mvcore.cli.main import main

__all__ = ["main"]

"""Tables in files: detection of the dialect, strict records, exact numbers, faults with their line.

`mvcore.read` and every command that takes files use this package, so that both read the same.
"""

from mvcore.files.reading import read
from mvcore.files.table import FileTable

__all__ = ["FileTable", "read"]

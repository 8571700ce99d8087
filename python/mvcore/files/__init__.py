"""Reads tables from files: detects the dialect, parses records strictly, and keeps numbers exact.

`mvcore.read` and every command that takes files use this package, so they read the same. Errors
name the line of the file.
"""

from mvcore.files.reading import read
from mvcore.files.table import FileTable

__all__ = ["FileTable", "read"]

"""Books in a folder: how one is opened and written (docs/storage.md)."""

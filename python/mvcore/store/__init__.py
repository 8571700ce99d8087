"""Opens and writes books in folders (docs/storage.md)."""

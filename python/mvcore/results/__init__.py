"""What callers get: arrays of the core become frames.

Not public. The modules know nothing of books.
"""

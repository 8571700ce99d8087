"""What callers ask for: selections, groupings and measures become arrays that the core reads.

Not public. The modules know nothing of frames and books.
"""

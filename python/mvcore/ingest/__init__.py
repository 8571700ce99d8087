"""What callers bring: tables, columns, times and names become arrays that the core reads.

Not public. The modules know nothing of reads and books.
"""

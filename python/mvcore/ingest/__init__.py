"""What callers bring: tables, columns, times and names become arrays that the core reads.

`attributes` writes the labels of a batch as JSON for the journal, and reads them back. Not public.
The modules know nothing of reads and books.
"""

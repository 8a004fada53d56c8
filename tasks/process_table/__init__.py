"""What the kernel says of processes (Linux).

Room: trees of processes, the memory that one has added, where one hangs.
May import: the vocabulary.
In come process numbers; out come facts, and signals.
"""

"""Search strategies and their factory. Pure: no Prefect, no clock, no files.

Room: a strategy in each file, their base class, the factory; their parts in the rooms below.
May import: the vocabulary, numpy, scipy; extras where they are used.
In comes a history of trials; out comes the next candidate.
"""

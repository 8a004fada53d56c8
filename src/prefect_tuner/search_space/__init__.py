"""The search space: parameters, conditions, constraints.

Room: kinds of parameters, when they are active, which combinations are allowed, cells.
May import: the vocabulary, numpy.
In come declarations, from Python or JSON; out comes a space that knows its candidates.
"""

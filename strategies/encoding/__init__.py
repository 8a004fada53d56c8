"""Candidates as arrays, and arrays as candidates.

Room: axes, the encoding of a space, constraints on columns, observations, user priors.
May import: the vocabulary, numpy.
In come spaces and histories; out come arrays, and the way back.
"""

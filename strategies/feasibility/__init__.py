"""Candidates that meet the constraints of a space, also where few do.

Room: ranges narrowed by constraints, Markov chains within them, their first points.
May import: search_space, encoding, numpy, scipy.
In come a space and a seed; out come candidates, drawn uniformly or near others.
"""

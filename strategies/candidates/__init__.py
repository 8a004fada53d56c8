"""Candidates that need no model: designs, grids, random ones that were not tried.

Room: designs, enumerations, the random stream of each trial.
May import: encoding, feasibility, numpy, scipy.
In come a space and a seed; out come candidates.
"""

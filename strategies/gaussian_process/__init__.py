"""The parts of `gp`.

Room: the regression, its hyperparameters, beliefs, candidates, acquisition and ranking.
May import: encoding, feasibility, numpy, scipy.
In come encoded candidates and metrics; out come scores, and the candidate with the best.
"""

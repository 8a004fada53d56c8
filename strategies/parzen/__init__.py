"""Densities of good and bad candidates, for `tpe` and the start of `gp`.

Room: the density of each group, their ratio.
May import: encoding, feasibility, numpy.
In come encoded candidates in two groups; out come candidates, and their scores.
"""

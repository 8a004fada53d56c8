"""Functional ANOVA of a random forest: how much of a metric's variance each parameter explains.

Room: trials as columns, the boxes of a tree's leaves, the variance of their marginals, the shares.
May import: the vocabulary, the search space, the encoding, scikit-learn.
In come a space and trials; out come shares.
"""

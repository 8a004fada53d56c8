"""What is fitted to the trials of a study, and measured of its runs.

Room: scales, densities, the additive model, the Gaussian process, regions, the use of workers.
May import: the vocabulary, the search space, encoding and Gaussian process of the strategies.
In come parameters, trials, losses and times; out come numbers, regions and spaces.
"""

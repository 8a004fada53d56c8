"""What can be said of a study from its trials.

Room: importance of parameters.
May import: the vocabulary, the search space. No Prefect, no ledger.
In come a space, a goal and trials; out come numbers.
"""

"""What can be said of a study from its trials.

Room: the importance of parameters, and what is wrong with a study.
May import: the vocabulary, the search space, `strategies.encoding`, `flows.study`. No Prefect.
In come a space, a goal and trials; out come shares and findings.
"""

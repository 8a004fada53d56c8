"""What can be said of a study from its trials.

Room: the importance of parameters; the doctor, its checks and what they find.
May import: the models, `flows.study`, the vocabulary, the search space, the encoding. No Prefect.
In come a space, a goal, trials and times; out come shares and findings.
"""

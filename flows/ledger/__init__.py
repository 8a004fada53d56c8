"""What is recorded of a study, and what follows from it. No Prefect here.

Room: the records, the reducer that makes a state of them, the study that records each step.
May import: storage, study.
In come what happens to trials, and lines of a store; out come records, and states.
"""

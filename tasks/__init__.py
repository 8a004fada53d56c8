"""One trial as a Prefect task, and the process that runs its objective.

Room: the task; the processes, messages and objectives of trials in the rooms below.
May import: the vocabulary, Prefect.
In comes a request; out comes a state of a task run, with what came of the trial.
"""

"""The command line `prefect-tuner`.

Room: each command, the study file, what is printed at the end of a run.
May import: everything below `flows`.
In come arguments and files; out come text and an exit code.
"""

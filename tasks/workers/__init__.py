"""The worker's side of trials that run in another process than their study.

Room: the launchers of a worker's process, the watch over the study, the names of attempts.
May import: processes, objectives, Prefect.
In comes a request; out comes a launcher to run it with, or why it is not run.
"""

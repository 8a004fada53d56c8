"""Trials as task runs: those that share one, and those that wait for one.

Room: the tasks of several trials; who gets which trial, and what has come of it.
May import: the task of one trial, the port, processes, the worker's side, Prefect.
In come requests; out come task runs, and arrivals of what they have run.
"""

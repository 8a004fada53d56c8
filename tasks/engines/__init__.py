"""Where the attempts of a study run: the engines behind the port in `tasks/engine.py`.

Room: one file for each engine, and what they share.
May import: the task and its messages, the worker's side, processes, Prefect.
In come requests; out come arrivals.
"""

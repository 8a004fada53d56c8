"""Trials as flow runs of their own, as their study sees them.

Room: the deployment that they are made from, their making, reading and stopping, job variables.
May import: the worker's side of trials, Prefect.
In comes a request; out comes a flow run, and what has become of it.
"""

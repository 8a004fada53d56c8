"""One run of a study inside a flow run.

Room: the plan of a study, its opening, the loop over its trials, what Prefect is needed for.
May import: observers, ledger, storage, study, tasks, strategies, Prefect.
In come the parameters of `tune`; out come trials as task runs, events, the result.
"""

"""Who is told of a study as it runs: its log, artifacts, Prefect events, the terminal.

Room: the base class, the threads that keep observers from hurting a study, the observers.
May import: the analysis, reports, the ledger, study, strategies, Prefect.
In come tuning events; nothing comes out: an observer cannot touch the study.
"""

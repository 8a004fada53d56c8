"""What is known of a study before its budget is spent.

Room: the candidates by which it is judged, when their trials are run, what they say. No Prefect.
May import: the search space, strategies, `analysis`, `ledger`, `reports`, `study`.
In come a space, a configuration and trials; out come candidates, a verdict, and what it reads like.
"""

"""Several studies side by side: their curves, what each came to, in what they differ. No Prefect.

Room: the compared studies and their curves, the same in the terminal, as JSON, as a report.
May import: study reports, pictures, reports, the ledger, the study, strategies, the search space.
In come studies from storages and views of studies; out come tables, pictures and documents.
"""

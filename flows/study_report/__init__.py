"""The report of a study: one document of words, tables and pictures. No Prefect here.

Room: views of studies from wherever they are, the contents of a report, HTML and Markdown of it.
May import: pictures, reports, the ledger, analysis, the study, strategies, the search space.
In come states of studies, results, studies of Optuna's; out come views and documents.
"""

"""The report of a study: one document of words, tables and pictures. No Prefect here.

Room: views of studies from wherever they are, what a report says, HTML and Markdown, its process.
May import: pictures, reports, the ledger, analysis, the study, strategies, the search space.
In come states of studies, results, studies of Optuna's; out come views and documents.
"""

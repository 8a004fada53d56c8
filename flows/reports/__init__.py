"""Studies as tables, text and files. No Prefect here.

Room: a report for each reader, made of plain data.
May import: ledger, study, strategies.
In come stored studies, results and trials; out come text, tables and documents.
"""

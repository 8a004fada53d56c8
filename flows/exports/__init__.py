"""Studies in the formats of other programs. No Prefect here.

Room: tables and storages, as text and in files.
May import: the search space, strategies, `ledger`, `reports`, `study`.
In come studies of a ledger; out come files that other programs read.
"""

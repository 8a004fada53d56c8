"""Where the lines of a ledger are kept, and who may write to it. No Prefect here.

Room: the store as files and as objects, claims, the address that names one.
May import: the process table of `tasks`, fsspec.
In come lines; out come the same lines, in order, or an error that says why not.
"""

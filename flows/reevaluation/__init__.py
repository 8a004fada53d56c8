"""The best trials of a study, evaluated anew by an engine.

Room: what is to be confirmed in a run of a study, and the loop over the evaluations.
May import: confirmation, ledger, study, the port to the engines.
In come a study whose search is complete, and an engine; out come records of the ledger, and events.
"""

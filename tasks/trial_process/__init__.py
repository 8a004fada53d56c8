"""What happens in the process of a trial, from the call of the objective to its end.

Room: the call, its metric, its log, seeds, and the end of a program as Python does it.
May import: objectives, source_code, messages, process_table; Prefect for its run context.
In comes a start order; out come reports over a pipe.
"""

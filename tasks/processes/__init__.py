"""The flow's side of a trial: starting its process, and watching it to its end.

Room: the launcher, places for trials at the same time, limits, supervision of an attempt.
May import: objectives, messages, process_table.
In comes a request; out come log lines, and what came of the attempt.
"""

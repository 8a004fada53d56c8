"""A study by itself: ask and tell. No Prefect here, no clock, no files.

Room: the study, its configuration, stop rules, events, digest and result.
May import: strategies.
In come a space and the ends of trials; out come trials to run, and the best one.
"""

"""The process that has imported the objective and forks one for each trial.

Room: the server, what is safe to fork, forked processes, the end of whole process trees.
May import: trial_process, objectives, source_code, messages, process_table.
In come start orders over a pipe; out come processes, and how they ended.
"""

"""The parts of `optuna`: spaces, samplers and trials in the terms of Optuna.

Room: distributions, samplers by name, a study of Optuna that has seen the history.
May import: candidates, the package optuna where it is used.
In come a space and a history; out come those of Optuna, and candidates.
"""

"""The parts of `cmaes`.

Room: generations played again from the history, solutions and values of the optimizer.
May import: candidates, encoding, the package cmaes where it is used.
In comes a history; out come solutions of the optimizer, and candidates.
"""

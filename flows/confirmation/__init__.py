"""Whether the best trial of a study is best: a race of its best trials, evaluated anew.

Room: who races, the looks at the race, what they can tell, the winner and how sure it is.
May import: the vocabulary. No Prefect, no clock, no files.
In come evaluations of trials with fresh seeds; out come those to make next, or the verdict.
"""

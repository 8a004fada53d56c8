"""Pictures of studies, drawn by matplotlib, for light and dark pages alike. No Prefect here.

Room: a file for each picture, and what they share: the view of a study, the look, the axes.
May import: analysis, the search space, the vocabulary, numpy, matplotlib.
In come views of studies; out come matplotlib's figures, and SVG.
"""

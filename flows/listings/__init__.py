"""What there is to choose from: strategies and engines with their options.

Room: what each is, whether it can be used, and the text that tells of them.
May import: the strategies, `tasks.engines`.
In come what is registered; out come descriptions, and text.
"""

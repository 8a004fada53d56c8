"""The user's code: where it comes from, what it uses, how it travels by value.

Room: the origin of code, its static uses, modules by value, options of libraries.
May import: the vocabulary, the syntax trees of search_space, cloudpickle.
In come functions and modules; out come digests, pickles, and modules that stand in.
"""

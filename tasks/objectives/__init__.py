"""The objective: found, checked, imported, called.

Room: what may be an objective, how it is named and loaded, how it is called.
May import: source_code, process_table.
In comes a callable, an object or a path; out comes a description, and there a callable.
"""

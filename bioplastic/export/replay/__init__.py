"""Scripts that replay a bundle in a foreign tool.

They run under another interpreter, which has the tool; the package finds them as files and never
imports them.
"""

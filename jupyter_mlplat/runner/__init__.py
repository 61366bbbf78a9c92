"""One attempt of one notebook: parameters in, record out.

A program of its own (`python -m jupyter_mlplat.runner`): it owns the kernel and every descendant of it,
reports over its standard output, obeys its standard input, and leaves an exit record in its folder
that is the truth about how the attempt ended.
"""

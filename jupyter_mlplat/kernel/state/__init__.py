"""Saves and restores a kernel's variables. Imported by its path inside of the user's kernel, whose Python may be
another one than ours: the standard library only, cloudpickle where it is there. `asking` calls it.

What is saved: the variables (pickled together, so that what they share stays shared; functions with the notebook's
own namespace as their globals), which modules they name, the states of the random generators, the working directory
and `sys.path`. Not: open files and connections, environment variables, what a library keeps for itself.
"""

from .restoring import restore as restore
from .saving import keep as keep
from .saving import save as save

"""`python -m kjax`: the working folder goes off the search path before anything is imported from it.

Python puts the working folder first there for `-m`. What lies in it is the user's data, perhaps a stranger's: a file
`h5py.py` or `numpy.py` beside a model must not be run by looking at the model. Programs get their own entry later, as
Python gives it to them (`kjax.cli.run`). This module is imported first; it takes nothing that is not loaded yet.
"""

import os
import sys


def _module_to_run():
    """The name behind the interpreter's option -m, or None."""
    words = sys.orig_argv[1:]
    for i, word in enumerate(words):
        if word.startswith("-m") and len(word) > 2:
            return word[2:]
        if word[:1] == "-" and word[-1:] == "m" and word[:2] != "--":
            return words[i + 1] if i + 1 < len(words) else None
    return None


def _take_working_folder_off():
    running = sys.argv[:1] == ["-m"] and _module_to_run() == "kjax"  # so it is until the module's own code runs
    if not running or sys.flags.safe_path or not sys.path or sys.path[0] not in ("", os.getcwd()):
        return False
    del sys.path[0]
    return True


TAKEN_OFF = _take_working_folder_off()

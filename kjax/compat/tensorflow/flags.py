"""`tf.flags`, `tf.app`: arguments of programs, by absl, as in TensorFlow 1."""

from __future__ import annotations

import sys

from absl import app, flags

DEFINE_string, DEFINE_integer, DEFINE_float = flags.DEFINE_string, flags.DEFINE_integer, flags.DEFINE_float
DEFINE_boolean = DEFINE_bool = flags.DEFINE_boolean
DEFINE_enum, DEFINE_list, DEFINE_multi_string = flags.DEFINE_enum, flags.DEFINE_list, flags.DEFINE_multi_string
DEFINE_multi_integer, DEFINE_multi_float = flags.DEFINE_multi_integer, flags.DEFINE_multi_float
mark_flag_as_required, mark_flags_as_required = flags.mark_flag_as_required, flags.mark_flags_as_required


class _Flags:
    """The values of the flags; the program's arguments are read when the first is asked for."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        if not flags.FLAGS.is_parsed():
            flags.FLAGS(sys.argv, known_only=True)
        return getattr(flags.FLAGS, name)

    def __setattr__(self, name, value):
        setattr(flags.FLAGS, name, value)


FLAGS = _Flags()


def run(main=None, argv=None) -> None:
    """Calls main(arguments left over), default that of the program, and ends it."""
    main = main or sys.modules["__main__"].main
    app.run(main=main, argv=argv)

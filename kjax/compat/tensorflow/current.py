"""Which session is in use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["get_default_session", "get_session", "opened", "session_of", "set_session"]

opened: list[Any] = []  # sessions that are the default, the innermost last
of_keras: dict[str, Any] = {"session": None}
makers: list[Callable[[], Any]] = []  # the class of sessions puts itself here


def get_default_session():
    """The session of the innermost `with session:`; None outside of any."""
    return opened[-1] if opened else None


def get_session():
    """`K.get_session`: the default session, else that of `K.set_session`, else one made now."""
    if opened:
        return opened[-1]
    if of_keras["session"] is None or of_keras["session"].closed:
        of_keras["session"] = makers[-1]()
    return of_keras["session"]


def set_session(session) -> None:
    """`K.set_session`: the session that `K.get_session` gives.

    Args:
        session: Session.
    """
    of_keras["session"] = session


def session_of(session=None):
    """The session itself, or the one in use for None."""
    return get_session() if session is None else session

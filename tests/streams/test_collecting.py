"""Python's search for cycles: what has settled is not searched, and a search for all finds what refers to itself."""

import gc
import weakref

from streams import collecting
from streams.collecting import collect_all, seldom_collecting, settle


class Own:
    """Refers to itself."""

    def __init__(self):
        self.own = self


def test_what_settled_is_searched_only_with_all():
    with seldom_collecting():
        found = weakref.ref(Own())
        settle()
        gc.collect()
        assert found() is not None
        collect_all()
        assert found() is None


def test_everything_is_searched_once_in_a_while(monkeypatch):
    monkeypatch.setattr(collecting, "WHOLE_S", 0.0)
    with seldom_collecting():
        found = weakref.ref(Own())
        settle()
        assert found() is None


def test_nothing_settles_where_searches_are_usual():
    found = weakref.ref(Own())
    settle()
    gc.collect()
    assert found() is None

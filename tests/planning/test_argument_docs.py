"""What docstrings say of arguments, in the three manners in which they are written."""

from __future__ import annotations

import pytest

from trainergen.planning.argument_docs import argument_docs

GOOGLE = """Net.

    Args:
        hidden (int, optional): width of the hidden layer; the second
            has half. Default: 8.
        *rates: one a layer

    Returns:
        nothing: at all
    """
NUMPY = """Net.

    Parameters
    ----------
    hidden : int, default 8
        Width of the hidden layer; the second has half. Default: 8.
    rates
        one a layer

    Returns
    -------
    nothing : int
        at all
    """
SPHINX = """Net.

    :param int hidden: width of the hidden layer; the second
        has half. Default: 8.
    :param rates: one a layer
    :type rates: float
    :returns: nothing
    """


@pytest.mark.parametrize("docstring", [GOOGLE, NUMPY, SPHINX])
def test_the_first_sentence_of_each(docstring: str) -> None:
    found = argument_docs(docstring)
    assert {name: said.lower() for name, said in found.items()} == {
        "hidden": "width of the hidden layer; the second has half",
        "rates": "one a layer",
    }


@pytest.mark.parametrize("docstring", [None, "", "Args: none to speak of.", "Net.\n\n    Args:\n    "])
def test_nothing_where_nothing_is_said(docstring: str | None) -> None:
    assert argument_docs(docstring) == {}

"""For models too large to run: the search goes on over shapes alone, on fake tensors, so that the question can name a batch.

Real forwards are faster and fail less (SYNTHESIS.md), so this begins only where a forward did not end in time or a tensor
would have been too large. What is found here was never run: it is no batch to prove a trainer on, but a better question.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from .attempt import Outcome, arguments, failed
from .failure import failure_of
from .origins import mark
from .search import Search
from .subject import elements
from .trace import Trace
from .untouched import bounded
from .values import make

if TYPE_CHECKING:
    from .guess import Guess
    from .subject import Subject

MOST_TRIES = 40
"""Each takes some twenty times what a small forward does."""

SECONDS = 10.0
"""A try on shapes that takes longer loops: it would not end in a real forward either."""


def shapes_only(subject: Subject, search: Search, seed: int) -> Guess | None:
    """A batch whose shapes fit though it can't be run: its output follows the number of samples; None where there is none.

    Args:
        subject: model and forward.
        search: the one that ended; what took too long in it is where this begins.
        seed: of the search.
    """
    fatal = [guess for guess, outcome in search.tried if outcome.fatal and outcome.reached]
    if not fatal or subject.lazy:
        return None
    fake = Search(lambda guess, seed, *_: _attempt(subject, guess, seed), MOST_TRIES)
    fake.push(fatal)
    for guess, outcome in fake.successes(seed):
        fewer = fake.test(guess.with_sizes(batch=2), seed)
        if outcome.gradient and fewer.ran and fewer.shapes != outcome.shapes:
            return guess
    return None


def _attempt(subject: Subject, guess: Guess, seed: int) -> Outcome:
    trace = Trace(lambda _: False)
    with subject.run(seed) as model, FakeTensorMode(allow_non_fake_inputs=True):
        try:
            positional, named = arguments(subject, make(guess, seed, mark))
            subject.train(model)
            with bounded(SECONDS), trace:
                output = elements(model(*positional, **named))
        except BaseException as error:
            failure = failure_of(error, trace.failure, ())
            try:
                return failed(subject, guess, failure, trace.reached)
            finally:
                error.__traceback__ = None
                del failure
    shapes = tuple(tuple(int(size) for size in each.shape) for each in output)
    return Outcome(
        trace.reached,
        shapes=shapes,
        gradient=sum(isinstance(each, torch.Tensor) and each.requires_grad for each in output),
    )

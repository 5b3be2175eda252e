"""Does a training that promises to refuse weights that are not finite refuse them, by name, before the first step?"""

from __future__ import annotations

import re

import torch

from .session import Fault, Measurement, Session, unmeasured

NAME = "start"


def measure(session: Session) -> Measurement:
    """Begin once more with one NaN in the last floating parameter, which has its value back afterwards.

    Only a session whose ``refuses_weights`` is true promises anything: the hook that begins a training is the trainer's
    own, and its docstring says that it raises ValueError.
    """
    begin = getattr(session, "begin", None)
    if begin is None or not getattr(session, "refuses_weights", False):
        return unmeasured(NAME, "nothing is promised about weights that are not finite: not measured")
    found = [(name, value) for name, value in session.model.named_parameters() if value.is_floating_point()]
    found = [(name, value) for name, value in found if value.numel()]
    if not found:
        return unmeasured(NAME, "the model has no floating parameter: not measured")
    name, parameter = found[-1]
    before = parameter.detach().clone()
    hint = "let on_train_begin raise ValueError with the parameter's name, shape and dtype"
    try:
        with torch.no_grad():
            parameter[(-1,) * parameter.dim()] = torch.nan
        begin()
    except ValueError as error:
        if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", str(error)):
            return Measurement(NAME, "weights that are not finite are refused before the first step, by name")
        text = f"a training with a NaN in {name} is refused without its name: {error}"
    except Exception as error:
        text = f"a training with a NaN in {name} begins with {type(error).__name__}: {error}"
    else:
        text = f"a training begins with a NaN in {name}; on_train_begin says that it raises ValueError"
    finally:
        with torch.no_grad():
            parameter.copy_(before)
    return Measurement(NAME, text, (Fault("start", name, text, hint),))

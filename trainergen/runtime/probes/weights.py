"""Does the end of a training leave a file with exactly the trained weights?"""

from __future__ import annotations

import torch

from .session import Fault, Measurement, Session, unmeasured

NAME = "weights"


def measure(session: Session) -> Measurement:
    """Finish the training and compare the weight file with the model: same names, same bits."""
    trained = {
        name: value.detach().clone()
        for name, value in session.model.state_dict().items()
        if isinstance(value, torch.Tensor)
    }
    path = session.finish()
    if path is None:
        return unmeasured(NAME, "the end of a training left no weight file")
    saved = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(saved, dict):
        text = f"{path.name} holds a {type(saved).__name__}, not a state_dict"
        return Measurement(NAME, text, (Fault("type", "", text, "save model.state_dict()"),))
    faults = []
    for name in sorted(set(trained) | set(saved)):
        if name not in saved:
            faults.append(Fault("weights", name, f"{path.name} lacks {name}"))
        elif name not in trained and isinstance(saved[name], torch.Tensor):
            faults.append(Fault("weights", name, f"{path.name} holds {name}, which the model does not have"))
        elif name in trained and not _equal(trained[name].cpu(), saved[name]):
            faults.append(Fault("weights", name, f"{path.name} holds other values of {name} than the model"))
    title = f"{path.name} holds the trained weights" if not faults else faults[0].text
    return Measurement(NAME, title, tuple(faults), {"bytes": path.stat().st_size})


def _equal(first: torch.Tensor, second: object) -> bool:
    return (
        isinstance(second, torch.Tensor)
        and first.shape == second.shape
        and first.dtype == second.dtype
        and torch.equal(torch.nan_to_num(first), torch.nan_to_num(second))
    )

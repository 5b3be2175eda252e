"""Losses that the model returns beside its output, and the settings that every part of a loss is weighed by."""

from __future__ import annotations

import re

from ...errors import UnusableInput, did_you_mean
from ...inspection.batch_spec import Path, parse_path, spell_path
from ...planning.plan import Auxiliary, Decision, Objective, Setting
from ...planning.wishes import Wishes
from .facts import OutputFacts, TorchFacts
from .objectives.own_loss import MIXTURE, QUANTISER
from .pairs import scalars
from .seen import Seen

LOSS = re.compile(
    r"loss|penalt|regulari[sz]|(^|_)(reg|aux|auxiliary|kl|kld|kl_div|elbo|nll|bce|mse|entropy|commitment|sparsity|balance|diversity"
    r"|divergence|cost|objective|energy_dist)(_|$)"
)
"""What a loss is called. Words that a number of another meaning has too (``scale``, ``score``, ``distance``) are none."""
SAID = r"\b(aux\w*|additional|regulari[sz]\w+|balanc\w+|commitment|codebook|sparsity|kl|divergence|orthogonality|diversity|own)\b[^.]{0,30}\b(loss|losses|term|penalty)\b"
"""What a docstring calls it."""
OF_SUCH_MODELS = rf"{MIXTURE}|{QUANTISER}"
"""Models whose second output is such a loss as a rule: of a router, of a codebook."""
LOSS_MODULE = re.compile(r"Loss$|Criterion$")


def choose_auxiliaries(
    wishes: Wishes, seen: Seen, measured: TorchFacts, taken: tuple[Path, ...], *, own: bool = False
) -> tuple[tuple[Auxiliary, ...], tuple[Decision, ...]]:
    """The auxiliary losses with their decisions: scalars with a graph that something says to be losses, or the user.

    Of a scalar that nothing says that of (a temperature, a gate's mean, a distance) the plan says that it is left out.

    Args:
        wishes: names and weights given by ``--auxiliary``.
        seen: what is known of the model.
        measured: the outputs.
        taken: outputs that are the prediction, or the model's own loss.
        own: the model's own loss is trained: what else it returns is taken for that loss's parts, unless asked for.

    Raises:
        UnusableInput: an output that isn't there, or is no scalar with a graph.
    """
    weights = {parse_path(name): weight for name, weight in wishes.auxiliaries}
    for path in weights:
        _demand_scalar(path, measured)
    found, decisions = [], []
    for output in measured.output:
        if output.path in taken:
            continue
        given = output.path in weights
        if not given and (own or output not in scalars(measured)):
            continue
        called = seen.called(output)
        name = _variable(output, called)
        evidence = "you said so" if given else _is_loss(seen, measured, output)
        spelt = spell_path(output.path)
        shown = spelt if called in ("", str(output.path[-1]).lower()) else f"{spelt} ({called})"
        if evidence is None:
            choice = f"the scalar {shown} stays out of the loss"
            runner_up = f"a loss of its own: nothing in its name or the docstrings says so (--auxiliary {spelt}=1)"
            reason = "forward returns it beside its output, and a number may be anything"
            decisions.append(Decision("auxiliary", choice, reason, "--auxiliary", runner_up, False, True))
            continue
        weight = weights.get(output.path, 1.0)
        found.append(Auxiliary(name, output.path, f"{name}_weight", weight, output.training_only))
        reason = evidence if given else f"forward returns the scalar {shown} beside its output, and {evidence}"
        reason += ", in train mode alone" if output.training_only else ""
        choice = f"auxiliary {name}, weight {weight:g}"
        runner_up = f"weight 0: the value stays in the logs, out of the loss (--auxiliary {spelt}=0)"
        assumed = not given and LOSS.search(called) is None
        decisions.append(Decision("auxiliary", choice, reason, "--auxiliary", runner_up, given, assumed))
    return tuple(found), tuple(decisions)


def loss_settings(objective: Objective) -> tuple[Setting, ...]:
    """The settings that a loss is weighed and tuned by: of its terms, heads, auxiliaries and constants."""
    docs = {each.setting: f"weight of the {each.name} loss" for each in objective.auxiliaries}
    docs |= {each.setting: f"weight of the {each.name} loss" for each in objective.heads}
    docs |= {each.setting: each.doc for each in objective.terms if each.setting is not None}
    docs |= {each.setting: each.doc for each in objective.constants if each.setting is not None}
    return tuple(
        Setting(name, "float", repr(value), repr(value), docs[name]) for name, value in objective.tuned.items()
    )


def _demand_scalar(path: Path, measured: TorchFacts) -> None:
    names = tuple(spell_path(each.path) for each in measured.output if each.path)
    output = next((each for each in measured.output if each.path == path), None)
    spelt = spell_path(path)
    if output is None:
        hint = did_you_mean(spelt, names) if names else "forward returns one tensor, no loss beside it"
        raise UnusableInput(f"--auxiliary {spelt}: the model returns nothing of that name", hint=hint)
    if output.sizes != ():
        raise UnusableInput(
            f"--auxiliary {spelt}: a tensor of shape {list(output.sizes)}, a loss is one number",
            hint="return its mean from forward",
        )
    if not output.has_graph:
        raise UnusableInput(
            f"--auxiliary {spelt}: it carries no graph, nothing can be learnt from it",
            hint="return it without .detach() or .item()",
        )


def _is_loss(seen: Seen, measured: TorchFacts, output: OutputFacts) -> str | None:
    """What says that a scalar is a loss, as a phrase: its name, a docstring, a loss among the modules; None: nothing."""
    called = seen.called(output)
    if LOSS.search(called):
        return "that is a loss by its name"
    if called and called == _learnt_number(seen):
        return None
    told = re.search(r"loss|penalty", seen.returned, re.IGNORECASE)
    if told is not None:
        return f'its docstring says that forward returns a "{told[0].lower()}"'
    words = seen.says(SAID) or seen.says(OF_SUCH_MODELS)
    if words is not None:
        return words
    module = next((kind for kind in measured.module_types if LOSS_MODULE.search(kind)), None)
    if module is not None:
        return f"the model holds a {module}"
    return "it is there while training alone" if output.training_only else None


def _learnt_number(seen: Seen) -> str | None:
    """The name of a parameter that is one number, without what holds it: it is no loss, whatever else is said."""
    return next((name.rpartition(".")[2].lower() for name, shape in seen.parameters if shape in ((), (1,))), None)


def _variable(output: OutputFacts, called: str) -> str:
    last = str(output.path[-1])
    name = called if last.isdigit() and called.isidentifier() else last
    return f"auxiliary_{name}" if name.isdigit() else re.sub(r"\W", "_", name)

"""What the tasks propose for a model as a whole, where no part of the batch says what it is trained against."""

from __future__ import annotations

import ast
import re
from dataclasses import replace

from ...errors import AnswerNeeded, Question
from ...inspection.batch_spec import Leaf, Path, find, leaves
from ...inspection.model_facts import ModelFacts
from ...planning.argument_docs import argument_docs
from ...planning.wishes import Wishes
from .facts import TorchFacts
from .objectives import Proposal, Task, fitter, tasks
from .pairs import candidate_targets, last_activation
from .return_names import return_names
from .seen import INTEGRAL, Seen, SeenInput, prose, returned_prose, spelled

ADVERSARIES = re.compile(r"\b(discriminators?|critics?|generators?|gan)\b")
PAIRED = re.compile(
    r"self\.(\w*generator\w*|g|netG|gen)\s*=.*self\.(\w*discriminator\w*|\w*critic\w*|d|netD|disc)\s*=", re.S
)
ADVERSARIAL = re.compile(r"\b(gans?|adversar\w*|discriminat\w*|critic|generator)\b|gan\b", re.IGNORECASE)
NOISE = frozenset({"z", "noise", "latent", "latents", "code"})
OF_A_POLICY = frozenset({"state", "states", "obs", "observation", "observations", "action", "actions"})


def proposals(wishes: Wishes, model: ModelFacts, measured: TorchFacts) -> list[tuple[Task, Proposal]]:
    """What each task proposes, in the order of the tasks; of a batch that the user gave, what no pair of it can say."""
    seen = look(wishes, model, measured)
    found = [(task, proposal) for task in tasks().values() if (proposal := task.propose(seen)) is not None]
    if measured.synthesised:
        return found
    return [(task, each) for task, each in found if not each.added and (each.takes_more or fitter(task) is None)]


def look(wishes: Wishes, model: ModelFacts, measured: TorchFacts) -> Seen:
    """What the tasks are shown of the model."""
    root = measured.batch.root
    inputs = _inputs(model, measured)
    known = dict(leaves(root))
    return Seen(
        outputs=measured.output,
        output_kind=measured.output_kind,
        inputs=inputs,
        left=tuple((path, known[path]) for path in candidate_targets(measured) if path in known),
        synthesised=measured.synthesised,
        samples=measured.batch.samples or next((each.leaf.sizes[0] for each in inputs if each.leaf.sizes), 0),
        names=_output_names(model, measured),
        orders={each.path: each.causal for each in measured.orders},
        tables=tuple(
            (each.shape[0], each.shape[1])
            for each in measured.parameters
            if "Embedding" in each.module_type and len(each.shape) == 2
        ),
        ran=measured.ran,
        activation=last_activation(model, measured),
        parameters=tuple((each.name, each.shape) for each in measured.parameters if each.tied_to is None),
        name=model.name,
        module=model.module,
        docstring="\n".join(filter(None, (prose(model.docstring), prose(model.forward_docstring)))),
        returned="\n".join(filter(None, (returned_prose(model.docstring), returned_prose(model.forward_docstring)))),
        source=model.source,
        arguments=_arguments(wishes, model, measured),
        said_of=argument_docs(_constructor_docs(model.source)) | argument_docs(model.docstring),
        decided={(each.path, each.axis): each.argument for each in measured.bindings if each.origin == "output"},
        asked=(*wishes.patterns, *([wishes.loss] if wishes.loss else [])),
    )


def demand_no_adversary(wishes: Wishes, model: ModelFacts, measured: TorchFacts) -> None:
    """Refuse to guess for one of two models that train against each other, or for both in one class.

    Raises:
        AnswerNeeded: that is what it is; ``--loss module:name`` says how it is trained.
    """
    if wishes.loss is not None:
        return
    seen = look(wishes, model, measured)
    found = ADVERSARIES.search(spelled(model.name))
    both = PAIRED.search(model.source)
    names = {each.name.lower() for each in seen.inputs}
    if both is None and found is not None:
        word = found[1].rstrip("s")
        if word == "generator":
            told = names & NOISE or ADVERSARIAL.search(f"{seen.docstring} {model.module.replace('_', ' ')}")
            found = found if told and not any(each.leaf.dtype in INTEGRAL for each in seen.inputs) else None
        elif word == "critic" and names & OF_A_POLICY:
            found = None
    if both is None and found is None:
        return
    what = (
        f"{model.name} holds two models that train against each other ({both[1]}, {both[2]})"
        if both is not None
        else f"{model.name} is one of two models that train against each other (it is called {found[1] if found else ''})"
    )
    question = Question("--loss", "", "a function (output, target) -> scalar loss", None, (what,), "module:name")
    raise AnswerNeeded(
        f"{what}: the loss of one is the output of the other, which no single batch holds",
        questions=(question,),
        hint="write the loss of this one as a function, --loss module:name; train the other by a trainer of its own",
    )


def _inputs(model: ModelFacts, measured: TorchFacts) -> tuple[SeenInput, ...]:
    """Every leaf that goes into forward, by the argument that it feeds."""
    root = measured.batch.root
    positional = [each.name for each in model.forward if each.kind == "positional"]
    found = []
    for index, each in enumerate(measured.feeding.arguments):
        node = find(root, each.path)
        name = each.argument or (positional[index] if index < len(positional) else f"input_{index}")
        if isinstance(node, Leaf):
            found.append(SeenInput(name, each.path, node, each.prepare))
        elif node is not None:
            taken = measured.feeding.targets
            found += [
                SeenInput(str(path[-1]), path, leaf) for path, leaf in leaves(node, each.path) if path not in taken
            ]
    return tuple(found)


def _arguments(wishes: Wishes, model: ModelFacts, measured: TorchFacts) -> dict[str, str]:
    """Constructor argument -> source text: what the model was built with, else the default, else nothing."""
    found = {each.name: each.default or "" for each in model.init if each.kind in ("positional", "keyword")}
    if measured.search is not None and measured.search.construction is not None:
        found |= {each.name: str(each.value) for each in measured.search.construction.arguments}
    return found | {name: str(value) for name, value in wishes.model_arguments}


def _output_names(model: ModelFacts, measured: TorchFacts) -> dict[Path, str]:
    """What forward's returns call the parts of a tuple that have no keys."""
    if measured.output_kind not in ("tuple", "list"):
        return {}
    deeper = {
        each.path: each.name for each in measured.called
    }  # a forward that is inherited, or ``return self.net(x)``
    return deeper | {(index,): name for index, name in return_names(model.source).items()}


def _constructor_docs(source: str) -> str | None:
    """The docstring of ``__init__``: arguments are often documented there."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return None
    made = (each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef) and each.name == "__init__")
    first = next(made, None)
    return None if first is None else ast.get_docstring(first)


def renamed(proposal: Proposal, key: str) -> Proposal:
    """The proposal with its target under the name that the user gave."""
    roles = tuple(
        replace(each, path=(key,), variable=key) if each.name == "target" and each.leaf is not None else each
        for each in proposal.roles
    )
    return replace(proposal, roles=roles)

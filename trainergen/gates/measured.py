"""The codes that no gate has: what the check says of itself, and what the proof and ``check --run`` measure in the lab."""

from __future__ import annotations

from typing import NamedTuple


class Measured(NamedTuple):
    """A code, explained as a gate is.

    Attributes:
        code: ``TG052``.
        name: what is demanded, one line; of TG05n the title that the lab prints.
        what: what is measured, exactly.
        why: what goes wrong without it.
        remedy: what to do about it.
    """

    code: str
    name: str
    what: str
    why: str
    remedy: str


_ALL = (
    Measured(
        "TG000",
        "a file that can be read",
        "A file is Python that the interpreter of the check parses, or a notebook whose cells are.",
        "Nothing else can be said of a file that doesn't parse, and no interpreter runs it.",
        "correct the syntax at the place that is named; a file for a later Python needs a check that runs on that Python.",
    ),
    Measured(
        "TG050",
        "the staged trainer is found by its name, from the staged bytes",
        "The trainer is found by its name in the registry, from the file that was checked, and what was listed before still is.",
        "A trainer that the registry doesn't lead to is never trained; one that hides another takes it away.",
        "register the class under its name, once, and import it from the file that holds it.",
    ),
    Measured(
        "TG051",
        "the staged trainer is built from its configuration",
        "It is built from its configuration: the model that was asked for, its schedule, its own loaders, and a loss that "
        "follows it to another device. batch_size, seed and shuffle of the configuration reach its loaders as they reach "
        "yours, called as --loader says; where yours hold validation samples out, so do its own.",
        "A setting that doesn't arrive is one that nobody changes; a validation on trained samples measures nothing.",
        "hand each setting on in build_model, build_dataloaders and build_scheduler; move tensors to self.device.",
    ),
    Measured(
        "TG052",
        "the loss is a finite scalar with a graph, its metrics detached numbers",
        "The loss is a finite scalar with a graph; what is logged beside it is detached numbers.",
        "A loss without a graph trains nothing and says so nowhere; metrics with one keep every step in memory.",
        "return the mean of the loss itself from compute_loss, and detach what _collect_batch_metrics returns.",
    ),
    Measured(
        "TG053",
        "gradients are finite and reach what they reach in a bare loop",
        "Gradients are finite, reach what they reach in the bare loop, and are the loss's own at the moment of the step, "
        "clipped as configured.",
        "A parameter that no gradient reaches stays as it was initialised, while the loss falls by the others.",
        "look for a detach, a no_grad or a part that is left out between the parameter that is named and the loss.",
    ),
    Measured(
        "TG054",
        "optimizer steps move what they move in a bare loop",
        "One optimizer step a batch, moving what it moves in the bare loop; what is frozen stays.",
        "A step too many, too few, or of the wrong parameters is another training than the one that is configured.",
        "leave zero_grad, clipping and step to the base, and give build_optimizer every parameter that is to be trained.",
    ),
    Measured(
        "TG055",
        "the same seed gives the same losses",
        "The same seed gives the same losses, bit by bit.",
        "A run that can't be repeated can't be compared, and a resumed one isn't the one that was broken off.",
        "draw from torch's generators, seed everything else in on_train_begin, and take no value from clock or process.",
    ),
    Measured(
        "TG056",
        "evaluation changes nothing and measures what a bare loop measures",
        "Evaluation changes no parameter, buffer or mode, runs in eval mode without a graph, and gives the loss and metrics "
        "of a bare loop.",
        "An evaluation that trains leaks validation data; one in training mode measures dropout.",
        "leave mode and no_grad to the base, and change no state in _evaluate_batch.",
    ),
    Measured(
        "TG057",
        "what is saved and loaded is the trainer that was saved",
        "What is saved and loaded goes on as what was saved: same evaluation, same next step. The weight file at the end "
        "holds the trained weights.",
        "A checkpoint that lacks something is found out after the crash that it was written for.",
        "put what changes during training into modules, buffers or the trainer's state, and save in on_train_end.",
    ),
    Measured(
        "TG058",
        "the first loss is the bare loop's",
        "The first loss is the bare loop's, under the recorded objective.",
        "Another loss than the recorded one trains for something else, whatever it is called.",
        "restore the objective; if it was changed on purpose, say so once: trainergen update NAME --loss NAME.",
    ),
    Measured(
        "TG059",
        "what config.ini says arrives in the trainer",
        "Values in the configuration that are not the defaults arrive in the trainer and its optimizer; what the optimizer "
        "takes by a setting's name it has as configured.",
        "A learning rate that is read and not used is tuned in vain.",
        "read the setting where it is used, by the name that it has in config.ini.",
    ),
    Measured(
        "TG090",
        "comments that ignore something",
        "Each comment `# tg: ignore[...]` lets a finding pass that is there.",
        "One that is left over lets the next fault at its line pass unseen.",
        "take the comment out, or the code that it no longer needs.",
    ),
)
MEASURED: dict[str, Measured] = {each.code: each for each in _ALL}
"""By code, in order."""


def told(measured: Measured) -> str:
    """How `explain` prints one."""
    parts = (f"{measured.code}  {measured.name}", measured.what, f"Why: {measured.why}", f"Fix: {measured.remedy}")
    return "\n\n".join(parts) + "\n"


def page(measured: Measured) -> str:
    """Its page of the documentation, as Markdown."""
    parts = (
        f"# {measured.code}: {measured.name}",
        f"## What it does\n\n{measured.what}",
        f"## Why is this bad?\n\n{measured.why}",
        f"## Fix\n\n{measured.remedy[:1].upper()}{measured.remedy[1:]}",
    )
    return "\n\n".join(parts) + "\n"

"""What only the user knows of an objective: which target, which output, what anything is compared with."""

from __future__ import annotations

import re

from ...errors import AnswerNeeded, Question
from ...inspection.batch_spec import Leaf, Path, find, spell_path
from ...planning.wishes import Wishes
from .facts import OutputFacts, TorchFacts
from .objectives import detection, diffusion, shape_text
from .objectives.multi_class import CLASS_ARGUMENTS
from .pairs import candidate_targets
from .readings import Reading
from .seen import Seen, said

ONE_ANSWER = "needs 1 answer that your project does not hold"


def nothing_fits(wishes: Wishes, measured: TorchFacts, target: Path | None) -> AnswerNeeded:
    """No task reads outputs and batch: what there is, and the flags that say what is meant."""
    outputs = ", ".join(
        f"{spell_path(each.path) if each.path else 'output'} {shape_text(each)}" for each in measured.output
    )
    paths = (target,) if target is not None else candidate_targets(measured)
    parts = []
    for path in paths:
        leaf = find(measured.batch.root, path)
        if isinstance(leaf, Leaf):
            parts.append(f"{spell_path(path)} {leaf.dtype}{shape_text(leaf)}")
    what = ", ".join(parts) or "nothing: forward takes the whole batch"
    evidence = (f"output       {outputs or 'nothing with a batch dimension'}", f"left over    {what}")
    if "ranking" in wishes.patterns:
        about = "the ranks: integers of the shape of the scores, [batch, M]"
        return AnswerNeeded(
            "--pattern ranking needs scores [batch, M] and integer ranks of the same shape",
            questions=(Question("--target", "", about, None, evidence, "KEY"),),
            hint='name the ranks: --target KEY, or call them "true_ranks" in the batch',
        )
    if target is not None:
        about = f"how the output and {spell_path(target)} are compared: a function (output, target) -> scalar loss"
        question = Question("--loss", "", about, None, evidence, "module:name")
    else:
        question = Question("--target", "", "what the output is compared with", None, evidence, "KEY")
    return AnswerNeeded(
        f"{ONE_ANSWER}: what the output is compared with",
        flags=("--loss module:name",) if target is not None else ("--target KEY", "--loss module:name"),
        questions=(question,),
        hint="a listed loss takes a target of a shape that fits; any other: a function, --loss module:name",
    )


def ask_about_raw_outputs(wishes: Wishes, seen: Seen) -> None:
    """Outputs that only the model's own loss can take apart: a detector's grid, a noise with its learnt variance.

    Raises:
        AnswerNeeded: that is what comes out, and the user named no loss.
    """
    if wishes.loss is not None:
        return
    grid = detection.raw_grid(seen)
    if grid is not None:
        output, words = grid
        raise AnswerNeeded(
            f"{said(output)} holds boxes, scores and classes in one tensor ({words}): how objects are assigned to its places, "
            "and which columns are which, its loss says",
            questions=(_function_for(output, words),),
            hint="its loss as a function (output, target) -> scalar, --loss module:name; or a model that returns boxes "
            "[batch, places, 4] and scores [batch, places, classes] apart",
        )
    variance = diffusion.learnt_variance(seen)
    if variance is not None:
        output, sample, words = variance
        raise AnswerNeeded(
            f"{said(output)} has twice the channels of {sample.name} ({words}): the noise and its variance, whose loss needs "
            "your noise schedule",
            questions=(_function_for(output, words),),
            hint="a function (output, target) -> scalar that knows the schedule, --loss module:name; or build the model "
            "without the learnt variance: --model-arg",
        )


HEAD_SWITCH = re.compile(
    r"(is_)?classif(y|ier|ication)|(use|with|add|include|has)_?((cls|class\w*)_?)?(classifier|classification|head|top|fc)"
)
"""What an argument is called that says whether a model has its head."""


def ask_about_a_missing_head(wishes: Wishes, seen: Seen) -> None:
    """A constructor that counts classes and has a switch for them that is off: what comes out are features, not answers.

    Raises:
        AnswerNeeded: so it is built, and the user said neither the switch nor a loss.
    """
    said_so = {name for name, _ in wishes.model_arguments}
    classes = seen.argument(CLASS_ARGUMENTS)
    if wishes.loss is not None or wishes.target is not None or classes is None:
        return
    off = (name for name, text in seen.arguments.items() if text == "False" and HEAD_SWITCH.fullmatch(name.lower()))
    switch = next((name for name in off if name not in said_so), None)
    counted = {size for each in seen.learnt for size in each.sizes[1:]}
    decides = classes in seen.decided.values() or seen.arguments[classes] in map(str, counted)
    if switch is None or decides:
        return
    about = f"{switch} is False as it is built, and {classes} decides nothing: are classes to be learnt?"
    raise AnswerNeeded(
        f"{seen.name} is built without its head ({about.partition(':')[0]})",
        questions=(
            Question("--model-arg", switch, about, "True", (f"{classes} counts classes that nothing puts out",)),
        ),
        hint=f"--model-arg {switch}=True for classes; to train its features against numbers all the same: --loss mse",
    )


def _function_for(output: OutputFacts, words: str) -> Question:
    about = f"how {said(output)} is compared: a function (output, target) -> scalar loss"
    return Question("--loss", "", about, None, (words,), "module:name")


def ask_about_target(wishes: Wishes, read: list[Reading]) -> None:
    """Two parts of the batch that explain the output equally well, and no name that says which."""
    best = read[0]
    if wishes.target is not None or best.target is None or best.feeds:
        return
    rivals = [
        each for each in read[1:] if each.target not in (None, best.target) and not each.feeds and not each.fit.problem
    ]
    rivals = [each for each in rivals if best.score - each.score < 2]
    if not rivals:
        return
    likely = spell_path(best.target or ())
    others = tuple(dict.fromkeys(spell_path(each.target or ()) for each in rivals))
    evidence = (f"likely {likely}: {best.fit.reason}", *(f"or {other}" for other in others))
    question = Question("--target", "", "the part of the batch that the loss compares with", likely, evidence)
    raise AnswerNeeded(ONE_ANSWER, questions=(question,))


def ask_about_output(read: list[Reading]) -> None:
    """Two outputs that fit the target equally well, and no name that says which."""
    best = read[0]
    rivals = [
        each
        for each in read[1:]
        if each.output.path != best.output.path
        and each.target == best.target
        and each.target is not None
        and best.score == each.score
    ]
    if rivals:
        names = ", ".join(spell_path(each.output.path) for each in (best, *rivals))
        about = f"outputs {names} fit the target {spell_path(best.target or ())} equally well"
        likely = f"likely {spell_path(best.output.path)}, the first"
        raise AnswerNeeded(
            ONE_ANSWER,
            questions=(Question("--loss", "", about, None, (likely,), "module:name"),),
            hint="a function (outputs, target) -> loss that combines them, or --factory with a model that returns one",
        )

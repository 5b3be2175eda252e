"""What a seeded fault of a real template is: one replacement, the case it is seeded in, and what must catch it."""

from __future__ import annotations

from dataclasses import dataclass

from .houses import Case, template

BLOCKS = "torch/blocks"
OBJECTIVES = "torch/objectives"
PROJECT = "torch/project"


@dataclass(frozen=True)
class Fault:
    """One fault of a team's template.

    Attributes:
        name: what is wrong.
        case: the project that it is seeded in.
        template: the real template that is copied.
        old, new: the change; `old` stands there exactly once.
        code: of the error.
        says: words of its message.
        points: the error must name the template's line, this many below the first one that was changed; None: need not.
        slow: of the long tail.
    """

    name: str
    case: Case
    template: str
    old: str
    new: str
    code: str
    says: str
    points: int | None = None
    slow: bool = False

    def overridden(self) -> str:
        """The template with the fault.

        Raises:
            AssertionError: the text to be replaced does not stand there exactly once.
        """
        text = template(self.template)
        assert text.count(self.old) == 1, f"{self.old!r} stands {text.count(self.old)} times in {self.template}"
        return text.replace(self.old, self.new)

    def line(self) -> int:
        """The number of the first line that the change touches."""
        return template(self.template).partition(self.old)[0].count("\n") + 1


RETURN = "        return {{ loss.total }}\n"
END = "        super().on_train_end()\n        self.save_weights()\n"


def method(body: str) -> str:
    """`body` as a further method in the frame, before ``on_train_begin``."""
    lines = body.strip("\n").splitlines()
    return "\n".join(f"    {line}".rstrip() for line in lines) + "\n\n    def on_train_begin(self) -> None:"


BEGIN = "    def on_train_begin(self) -> None:"

"""The seeded faults: each is one replacement in one real template, the case it is seeded in, and what must catch it."""

from __future__ import annotations

from dataclasses import dataclass

from .houses import (
    CUSTOM_OPTIMIZER,
    FRAME,
    MULTI_TENSOR,
    RANKING,
    RECONSTRUCTION,
    SIMPLE,
    STRUCTURED,
    STUB,
    Case,
    template,
)

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
        points: whether the error must name the line of the template that was changed.
        slow: of the long tail.
    """

    name: str
    case: Case
    template: str
    old: str
    new: str
    code: str
    says: str
    points: bool = False
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

FAULTS = (
    # the step
    Fault(
        "missing zero_grad",
        SIMPLE,
        FRAME,
        BEGIN,
        method("""
manual_step = True

def _train_batch(self, batch: Batch) -> torch.Tensor:
    loss = self._forward_batch(batch)
    loss.backward()
    self.optimizer.step()
    return loss.detach()
"""),
        "TG053",
        "not the loss's",
    ),
    Fault(
        "step before backward",
        STRUCTURED,
        FRAME,
        BEGIN,
        method("""
manual_step = True

def _train_batch(self, batch: Batch) -> torch.Tensor:
    self.optimizer.zero_grad()
    loss = self._forward_batch(batch)
    self.optimizer.step()
    loss.backward()
    return loss.detach()
"""),
        "TG053",
        "gets no gradient",
    ),
    Fault(
        "gradient scaled",
        MULTI_TENSOR,
        FRAME,
        BEGIN,
        method("""
def _train_batch(self, batch: Batch) -> torch.Tensor:
    loss = self._forward_batch(batch)
    self._backward(loss * 0.125)
    return loss.detach()
"""),
        "TG053",
        "not the loss's",
    ),
    Fault(
        "a second step",
        CUSTOM_OPTIMIZER,
        FRAME,
        BEGIN,
        method("""
def _train_batch(self, batch: Batch) -> torch.Tensor:
    loss = super()._train_batch(batch)
    self.optimizer.step()
    return loss
"""),
        "TG054",
        "stepped 4 times for 2 batches",
        slow=True,
    ),
    # evaluation
    Fault(
        "eval that trains",
        SIMPLE,
        FRAME,
        BEGIN,
        method("""
def _evaluate_batch(self, batch: Batch) -> torch.Tensor:
    with torch.enable_grad():
        return self._train_batch(batch)
    self.optimizer.step()
"""),
        "TG056",
        "graph",
        slow=True,
    ),
    Fault(
        "eval that steps the optimizer",
        RANKING,
        FRAME,
        BEGIN,
        method("""
def _evaluate_batch(self, batch: Batch) -> torch.Tensor:
    with torch.enable_grad():
        loss = self._train_batch(batch)
    self.optimizer.step()
    return loss
"""),
        "TG056",
        "steps during evaluation",
    ),
    Fault(
        "evaluation in train mode",
        SIMPLE,
        FRAME,
        BEGIN,
        method("""
def _evaluate_batch(self, batch: Batch) -> torch.Tensor:
    self.model.train()
    return super()._evaluate_batch(batch)
"""),
        "TG056",
        "train mode during evaluation",
        slow=True,
    ),
    # the loss
    Fault("detached loss", SIMPLE, FRAME, RETURN, RETURN.replace(" }}", " }}.detach()"), "TG002", "learnt", points=True),
    Fault(
        "detached where no gate sees it",
        MULTI_TENSOR,
        f"{BLOCKS}/forward.py.j2",
        "{{ forward.operations }}",
        "{{ forward.operations }}.data",
        "TG052",
        "no graph",
        points=True,
    ),
    Fault(
        "a Python number as loss",
        STRUCTURED,
        FRAME,
        RETURN,
        RETURN.replace(" }}", " }}.item()"),
        "TG002",
        "number",
        points=True,
    ),
    Fault(
        "one loss a sample",
        SIMPLE,
        f"{OBJECTIVES}/multi_class.py.j2",
        "functional.cross_entropy({prediction}, {target})",
        "functional.cross_entropy({prediction}, {target}, reduction='none')",
        "TG002",
        "one loss per sample",
    ),
    Fault(
        "NaN loss",
        CUSTOM_OPTIMIZER,
        FRAME,
        RETURN,
        RETURN.replace(" }}", " }} * torch.log({{ loss.variable }} - {{ loss.variable }} - 1)"),
        "TG052",
        "not finite",
        points=True,
    ),
    Fault(
        "softmax before cross-entropy",
        SIMPLE,
        f"{OBJECTIVES}/multi_class.py.j2",
        "functional.cross_entropy({prediction}, {target})",
        "functional.cross_entropy({prediction}.softmax(dim=1), {target})",
        "TG058",
        "the first loss is",
    ),
    Fault(
        "arguments of the loss swapped",
        CUSTOM_OPTIMIZER,
        f"{OBJECTIVES}/binary.py.j2",
        "functional.binary_cross_entropy_with_logits({prediction}, {target})",
        "functional.binary_cross_entropy_with_logits({target}, {prediction})",
        "TG058",
        "the first loss is",
    ),
    Fault(
        "sum in place of mean",
        STRUCTURED,
        f"{OBJECTIVES}/regression.py.j2",
        "functional.mse_loss({prediction}, {target})",
        "functional.mse_loss({prediction}, {target}, reduction='sum')",
        "TG058",
        "the first loss is",
        slow=True,
    ),
    Fault(
        "reconstruction against itself",
        RECONSTRUCTION,
        f"{OBJECTIVES}/reconstruction.py.j2",
        "functional.mse_loss({prediction}, {target})",
        "functional.mse_loss({prediction}, {prediction}.detach())",
        "TG058",
        "the first loss is 0",
        slow=True,
    ),
    Fault(
        "auxiliary weight ignored",
        RECONSTRUCTION,
        f"{BLOCKS}/loss.py.j2",
        "{{ config }}.{{ auxiliary.setting }} * {{ auxiliary.variable }}",
        "{{ auxiliary.variable }}",
        "TG058",
        "the first loss is",
    ),
    Fault(
        "auxiliary weight written down",
        RECONSTRUCTION,
        f"{BLOCKS}/loss.py.j2",
        "{{ config }}.{{ auxiliary.setting }} * {{ auxiliary.variable }}",
        "0.25 * {{ auxiliary.variable }}",
        "TG059",
        "sparsity_penalty_weight",
    ),
    Fault(
        "auxiliary loss detached",
        RECONSTRUCTION,
        f"{BLOCKS}/loss.py.j2",
        "{{ auxiliary.expression }}.mean()",
        "{{ auxiliary.expression }}.mean().detach()",
        "TG053",
        "not the loss's",
        slow=True,
    ),
    Fault(
        "mask of unknown ranks ignored",
        RANKING,
        f"{OBJECTIVES}/ranking.py.j2",
        "losses.listnet_loss({prediction}, {target})",
        "losses.listnet_loss({prediction}, {target}.clamp_min(1))",
        "TG058",
        "the first loss is",
    ),
    Fault(
        "ranked from the wrong end",
        RANKING,
        f"{OBJECTIVES}/ranking.py.j2",
        "losses.listnet_loss({prediction}, {target})",
        "losses.listnet_loss(-{prediction}, {target})",
        "TG058",
        "the first loss is",
    ),
    Fault(
        "rows counted that have no pair",
        RANKING,
        f"{OBJECTIVES}/ranking.py.j2",
        "losses.contributing_rows({target})",
        "{target}.shape[0]",
        "TG056",
        "weigh",
        slow=True,
    ),
    # feeding
    Fault(
        "forward arguments swapped",
        STRUCTURED,
        f"{BLOCKS}/forward.py.j2",
        "{{ forward.arguments }}",
        '{{ forward.arguments | replace("=soil", "=rain") | replace("=weather", "=soil") | replace("=rain", "=weather") }}',
        "TG058",
        "the first loss is",
        points=True,
    ),
    Fault(
        "forward arguments reversed",
        MULTI_TENSOR,
        f"{BLOCKS}/forward.py.j2",
        "{{ forward.arguments }}",
        "image, after, before",
        "TG058",
        "the first loss is",
        slow=True,
    ),
    Fault(
        "wrong target key",
        STRUCTURED,
        f"{BLOCKS}/unpack_structured.py.j2",
        "{{ line.access }}",
        '{{ line.access | replace("harvest", "price") }}',
        "TG058",
        "the first loss is",
    ),
    Fault(
        "key that the batch lacks",
        RANKING,
        f"{BLOCKS}/unpack_structured.py.j2",
        "{{ line.access }}",
        '{{ line.access | replace("model_tokens", "model_token") }}',
        "TG052",
        "KeyError: 'model_token'",
        points=True,
    ),
    Fault(
        "preparation lost",
        MULTI_TENSOR,
        f"{BLOCKS}/unpack_multi_tensor.py.j2",
        "{{ line.operations }}",
        "",
        "TG052",
        "RuntimeError",
        slow=True,
    ),
    Fault(
        "device move lost",
        SIMPLE,
        f"{BLOCKS}/unpack_simple.py.j2",
        "{% if line.tensor %}.to({{ device }}){% endif %}",
        "",
        "TG051",
        "another device",
    ),
    Fault(
        "device written down",
        STRUCTURED,
        f"{BLOCKS}/unpack_structured.py.j2",
        ".to({{ device }})",
        '.to("cpu")',
        "TG051",
        "another device",
        slow=True,
    ),
    Fault("device named", MULTI_TENSOR, f"{BLOCKS}/unpack_multi_tensor.py.j2", ".to({{ device }})", ".cuda()", "TG010", ".cuda()", points=True, slow=True),
    # metrics
    Fault(
        "metrics that keep the graph",
        RECONSTRUCTION,
        f"{BLOCKS}/batch_metrics.py.j2",
        "{{ auxiliary.variable }}.detach()",
        "{{ auxiliary.variable }}",
        "TG052",
        "carries the graph",
    ),
    Fault(
        "a metric of the wrong sign",
        RANKING,
        f"{BLOCKS}/batch_metrics.py.j2",
        "{{ metric.function }}({{ prediction }}.detach(),",
        "{{ metric.function }}(-{{ prediction }}.detach(),",
        "TG052",
        "ndcg",
    ),
    Fault(
        "probabilities judged as logits",
        CUSTOM_OPTIMIZER,
        f"{OBJECTIVES}/binary.py.j2",
        '"accuracy": "metrics.binary_accuracy",\n    "auc"',
        '"accuracy": "metrics.binary_recall",\n    "auc"',
        "TG052",
        "accuracy",
        slow=True,
    ),
    Fault(
        "epoch metric of another name",
        CUSTOM_OPTIMIZER,
        f"{OBJECTIVES}/binary.py.j2",
        '"auc": "metrics.roc_auc"',
        '"auc": "metrics.binary_f1"',
        "TG056",
        "auc",
    ),
    # the optimizer
    Fault(
        "frozen optimizer",
        CUSTOM_OPTIMIZER,
        f"{BLOCKS}/optimizer.py.j2",
        "parameter_groups(model, config.weight_decay){{ optimizer.arguments }}",
        "parameter_groups(model, config.weight_decay){{ optimizer.arguments | replace('config.learning_rate', '0.0') }}",
        "TG054",
        "learning rate is 0",
        points=True,
    ),
    Fault(
        "optimizer over nothing",
        CUSTOM_OPTIMIZER,
        f"{BLOCKS}/optimizer.py.j2",
        "parameter_groups(model, config.weight_decay)",
        "[]",
        "TG051",
        "empty parameter list",
        points=True,
    ),
    Fault(
        "a parameter not in the optimizer",
        CUSTOM_OPTIMIZER,
        f"{BLOCKS}/optimizer.py.j2",
        "parameter_groups(model, config.weight_decay)",
        "[*model.parameters()][1:]",
        "TG054",
        "body.0.weight is not in the optimizer",
    ),
    Fault(
        "learning rate written down",
        CUSTOM_OPTIMIZER,
        f"{BLOCKS}/optimizer.py.j2",
        "config.weight_decay){{ optimizer.arguments }}",
        "config.weight_decay){{ optimizer.arguments | replace('config.learning_rate', '0.05') }}",
        "TG059",
        "does not reach the optimizer",
        points=True,
    ),
    Fault(
        "weight decay written down",
        CUSTOM_OPTIMIZER,
        f"{BLOCKS}/optimizer.py.j2",
        "config.weight_decay){{",
        "0.001){{",
        "TG059",
        "weight_decay",
        points=True,
    ),
    Fault(
        "momentum forgotten",
        CUSTOM_OPTIMIZER,
        f"{BLOCKS}/optimizer.py.j2",
        "config.weight_decay){{ optimizer.arguments }}",
        "config.weight_decay){{ optimizer.arguments.split(', momentum')[0] }}",
        "TG059",
        "momentum",
        slow=True,
    ),
    Fault(
        "scheduler that never moves",
        CUSTOM_OPTIMIZER,
        f"{BLOCKS}/scheduler.py.j2",
        "        return {{ scheduler.name }}(optimizer{{ scheduler.arguments }})\n{% endif %}",
        "        return LRScheduler(optimizer)\n{% endif %}",
        "TG051",
        "",
        slow=True,
    ),
    # configuration and registry
    Fault(
        "SECTION that config.ini lacks",
        SIMPLE,
        "torch/config_dataclass.py.j2",
        '"{{ names.section }}"',
        '"{{ names.section }}s"',
        "TG051",
        "train_digits_nets",
    ),
    Fault(
        "key of config.ini that the class lacks",
        STRUCTURED,
        "torch/config_section.ini.j2",
        "{{ setting.name }} =",
        '{{ setting.name | replace("rate", "speed") }} =',
        "TG051",
        "learning_speed",
    ),
    Fault(
        "field that the class lacks",
        MULTI_TENSOR,
        f"{BLOCKS}/model.py.j2",
        "{{ model_call }}",
        '{{ model_call | replace("config.model_", "config.") }}',
        "TG051",
        "channels",
        points=True,
    ),
    Fault(
        "constructor arguments swapped",
        SIMPLE,
        f"{BLOCKS}/model.py.j2",
        "{{ model_call }}",
        '{{ model_call | replace("hidden=", "width=") | replace("depth=", "hidden=") | replace("width=", "depth=") }}',
        "TG051",
        "built as you asked",
    ),
    Fault(
        "config that is no dataclass",
        SIMPLE,
        "torch/config_dataclass.py.j2",
        "@dataclass(kw_only=True)\n",
        "",
        "TG008",
        "no dataclass",
    ),
    Fault(
        "class of another name",
        RANKING,
        FRAME,
        "class {{ names.trainer_class }}(",
        "class {{ names.trainer_class }}s(",
        "TG050",
        "has no class",
    ),
    Fault(
        "registry that gives another trainer",
        SIMPLE,
        f"{PROJECT}/train/__init__.py.j2",
        "TRAINER_REGISTRY: dict[str, str] = {}",
        "TRAINER_REGISTRY: dict[str, str] = {}\nTRAINER_REGISTRY = dict(TRAINER_REGISTRY)",
        "TG050",
        "",
        slow=True,
    ),
    Fault(
        "registry that looks up nothing",
        STRUCTURED,
        f"{PROJECT}/train/__init__.py.j2",
        "find_trainer(name, TRAINER_REGISTRY)",
        "name",
        "TG050",
        "KeyError",
        points=True,
        slow=True,
    ),
    Fault(
        "--list that fails",
        SIMPLE,
        f"{PROJECT}/train/cli.py.j2",
        "(ast.get_docstring(found) or \"\").partition",
        "ast.get_docstring(found).title.partition",
        "TG050",
        "--list",
        points=True,
    ),
    Fault(
        "base that is no trainer",
        SIMPLE,
        f"{PROJECT}/train/base_trainer.py.j2",
        '    "Trainer",\n    "WarmupCosine",\n    "find_trainer"',
        '    "WarmupCosine",\n    "find_trainer"',
        "TG001",
        "",
        slow=True,
    ),
    # data
    Fault(
        "stub that gives noise",
        STUB,
        f"{BLOCKS}/data_stub.py.j2",
        "        raise NotImplementedError(message)",
        "        assert message\n        image = torch.rand(8, 1, 8, 8)\n        return [(image, torch.randint(0, 10, (8,)))], None",
        "TG007",
        "assert",
        slow=True,
    ),
    Fault(
        "stub that gives noise without a word",
        STUB,
        f"{BLOCKS}/data_stub.py.j2",
        "        raise NotImplementedError(message)",
        "        return [(torch.rand(8, 1, 8, 8), torch.randint(0, 10, (8,)))], None if message else None",
        "TG051",
        "must not train on made-up data",
    ),
    Fault(
        "loader of other batches",
        SIMPLE,
        f"{BLOCKS}/data_loader.py.j2",
        "        return training, validation",
        "        return [batch[0] for batch in training], validation",
        "TG051",
        "other batches",
        points=True,
    ),
    Fault(
        "validation loader lost",
        CUSTOM_OPTIMIZER,
        f"{BLOCKS}/data_loader.py.j2",
        "        return training, validation",
        "        return training, None if validation else None",
        "TG051",
        "validation",
        slow=True,
    ),
    # validation of the batch
    Fault(
        "no validation",
        MULTI_TENSOR,
        f"{BLOCKS}/checks.py.j2",
        "    if not isinstance(value, torch.Tensor):\n        message = f\"{wanted}, got {type(value).__name__}\"\n        raise TypeError(message)\n",
        "    if not isinstance(value, torch.Tensor):\n        return\n",
        "TG007",
        "",
    ),
    Fault(
        "validation called by nobody",
        STRUCTURED,
        FRAME,
        "{% endif %}\n        self._validate_batch(batch)\n{% include family ~ \"/blocks/unpack_\"",
        "{% endif %}\n{% include family ~ \"/blocks/unpack_\"",
        "TG007",
        "takes any batch",
    ),
    Fault(
        "dtype that is not looked at",
        SIMPLE,
        f"{BLOCKS}/checks.py.j2",
        '    if value.dtype {{ "not in dtypes" if checks.any_kind else "!= dtype" }}:',
        "    if value.dtype is None:",
        "TG007",
        "dtype",
    ),
    Fault(
        "wrong dtype demanded",
        RANKING,
        f"{BLOCKS}/checks.py.j2",
        '{{ "not in dtypes" if checks.any_kind else "!= dtype" }}:',
        '{{ "in dtypes" if checks.any_kind else "== dtype" }}:',
        "TG052",
        "TypeError",
        points=True,
    ),
    Fault(
        "empty batch let through",
        RECONSTRUCTION,
        f"{BLOCKS}/checks.py.j2",
        "value.dim() != len(dims) or value.numel() == 0",
        "value.dim() != len(dims)",
        "TG007",
        "empty",
    ),
    Fault(
        "rank that is not looked at",
        STRUCTURED,
        f"{BLOCKS}/checks.py.j2",
        "value.dim() != len(dims) or value.numel() == 0",
        "value.numel() == 0",
        "TG007",
        "",
        slow=True,
    ),
    # beginning and end
    Fault(
        "save_weights missing",
        SIMPLE,
        FRAME,
        END,
        "        super().on_train_end()\n",
        "TG004",
        "reaches no call that saves",
    ),
    Fault(
        "something else saved",
        MULTI_TENSOR,
        FRAME,
        END,
        END + "        torch.save({{ model }}.head.state_dict(), self.save_weights())\n",
        "TG057",
        "holds bias, which the model does not have",
        points=True,
    ),
    Fault(
        "on_train_end that does not call super",
        RANKING,
        FRAME,
        END,
        "        self.save_weights()\n",
        "TG001",
        "super().on_train_end()",
        points=True,
    ),
    Fault(
        "on_train_begin that does not call super",
        STRUCTURED,
        FRAME,
        "        super().on_train_begin()\n",
        "",
        "TG001",
        "super().on_train_begin()",
        slow=True,
    ),
    Fault(
        "__init__ that does not call super",
        SIMPLE,
        FRAME,
        "        super().__init__(\n            model,",
        "        dict(\n            model=model)\n        print(",
        "TG001",
        "super().__init__()",
        slow=True,
    ),
    # style
    Fault(
        "print instead of logger",
        SIMPLE,
        f"{BLOCKS}/initial_state.py.j2",
        'logger.info("configuration: %s", {{ config }})',
        'print("configuration:", {{ config }})',
        "TG005",
        "print",
        points=True,
    ),
    Fault(
        "f-string in a log call",
        RECONSTRUCTION,
        f"{BLOCKS}/initial_state.py.j2",
        'logger.info("configuration: %s", {{ config }})',
        'logger.info(f"configuration: { {{ config }} }")',
        "TG005",
        "f-string",
        points=True,
    ),
    Fault(
        "placeholder without argument",
        RANKING,
        f"{BLOCKS}/initial_state.py.j2",
        'logger.info("configuration: %s", {{ config }})',
        'logger.info("configuration: %s")',
        "TG005",
        "placeholder",
        points=True,
        slow=True,
    ),
    Fault(
        "public method without hints",
        SIMPLE,
        FRAME,
        "    def compute_loss(self, batch: Batch) -> torch.Tensor:",
        "    def compute_loss(self, batch):",
        "TG003",
        "compute_loss",
        points=True,
        slow=True,
    ),
    Fault(
        "path joined by hand",
        STRUCTURED,
        FRAME,
        END,
        END + "        open(str(self.run_directory) + '/done', 'w').close()\n",
        "TG006",
        "pathlib",
        points=True,
        slow=True,
    ),
    Fault(
        "public method without docstring",
        RECONSTRUCTION,
        FRAME,
        '        """Log the configuration and the weights as they start.\n\n        Raises:\n            ValueError: a weight is not finite before the first step.\n        """\n',
        "",
        "TG009",
        "on_train_begin",
        points=True,
        slow=True,
    ),
)

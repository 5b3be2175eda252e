"""Seeded faults of what a step computes: the step itself, evaluation, loss, feeding, metrics."""

from __future__ import annotations

from .houses import CUSTOM_OPTIMIZER, FRAME, MULTI_TENSOR, RANKING, RECONSTRUCTION, SIMPLE, STRUCTURED
from .seeding import BEGIN, BLOCKS, OBJECTIVES, RETURN, Fault, method

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
        points=6,
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
        points=7,
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
        points=3,
        slow=True,
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
    Fault(
        "state that all trainers share",
        SIMPLE,
        FRAME,
        RETURN,
        """        type(self).seen = getattr(type(self), "seen", 0) + (self.model.training and self.step > 0)
        return {{ loss.total }} * (1 + 1e-5 * self.model.training * type(self).seen)
""",
        "TG055",
        "the same seed gave another loss",
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
        points=2,
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
        points=4,
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
        points=2,
    ),
    # the loss
    Fault("detached loss", SIMPLE, FRAME, RETURN, RETURN.replace(" }}", " }}.detach()"), "TG002", "learnt", points=0),
    Fault(
        "detached where no gate sees it",
        MULTI_TENSOR,
        f"{BLOCKS}/forward.py.j2",
        "{{ forward.operations }}",
        "{{ forward.operations }}.data",
        "TG052",
        "no graph",
        points=0,
        slow=True,
    ),
    Fault(
        "a Python number as loss",
        STRUCTURED,
        FRAME,
        RETURN,
        RETURN.replace(" }}", " }}.item()"),
        "TG002",
        "number",
        points=0,
        slow=True,
    ),
    Fault(
        "one loss a sample",
        SIMPLE,
        f"{OBJECTIVES}/multi_class.py.j2",
        "functional.cross_entropy({prediction}, {target}{ignored})",
        "functional.cross_entropy({prediction}, {target}, reduction='none')",
        "TG002",
        "one loss per sample",
        slow=True,
    ),
    Fault(
        "NaN loss",
        CUSTOM_OPTIMIZER,
        FRAME,
        RETURN,
        RETURN.replace(" }}", " }} * torch.log({{ loss.variable }} - {{ loss.variable }} - 1)"),
        "TG052",
        "not finite",
        points=0,
    ),
    Fault(
        "softmax before cross-entropy",
        SIMPLE,
        f"{OBJECTIVES}/multi_class.py.j2",
        "functional.cross_entropy({prediction}, {target}{ignored})",
        "functional.cross_entropy({prediction}.softmax(dim=1), {target})",
        "TG058",
        "the first loss is",
        slow=True,
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
        "{% if auxiliary.setting %}{{ config }}.{{ auxiliary.setting }} * {{ auxiliary.variable }}",
        # Read, or TG008 would say so first.
        "{% if auxiliary.setting %}{{ config }}.{{ auxiliary.setting }} ** 0 * {{ auxiliary.variable }}",
        "TG058",
        "the first loss is",
    ),
    Fault(
        "auxiliary weight written down",
        RECONSTRUCTION,
        f"{BLOCKS}/loss.py.j2",
        "{% if auxiliary.setting %}{{ config }}.{{ auxiliary.setting }} * {{ auxiliary.variable }}",
        "{% if auxiliary.setting %}(0.25 + 0 * {{ config }}.{{ auxiliary.setting }}) * {{ auxiliary.variable }}",
        "TG059",
        "sparsity_penalty_weight",
        slow=True,
    ),
    Fault(
        "auxiliary loss detached",
        RECONSTRUCTION,
        f"{BLOCKS}/loss.py.j2",
        "{{ auxiliary.expression }}",
        "{{ auxiliary.expression }}.detach()",
        "TG053",
        "not the loss's",
        slow=True,
        points=0,
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
        points=0,
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
        points=0,
    ),
    Fault(
        "wrong target key",
        STRUCTURED,
        f"{BLOCKS}/unpack_structured.py.j2",
        "{% else %}{{ line.access }}",
        '{% else %}{{ line.access | replace("harvest", "price") }}',
        "TG058",
        "the first loss is",
        points=0,
    ),
    Fault(
        "key that the batch lacks",
        RANKING,
        f"{BLOCKS}/unpack_structured.py.j2",
        "{% else %}{{ line.access }}",
        '{% else %}{{ line.access | replace("model_tokens", "model_token") }}',
        "TG052",
        "KeyError: 'model_token'",
        points=0,
        slow=True,
    ),
    Fault(
        "preparation lost",
        MULTI_TENSOR,
        f"{BLOCKS}/unpack_multi_tensor.py.j2",
        "{{ line.operations }}",
        '{{ line.operations | replace(".permute(0, 3, 1, 2)", "") }}',
        "TG052",
        "RuntimeError",
        slow=True,
        points=0,
    ),
    Fault(
        "device move lost",
        SIMPLE,
        f"{BLOCKS}/unpack_simple.py.j2",
        "{% if line.tensor %}.to({{ device }}){% endif %}",
        "",
        "TG051",
        "another device",
        points=0,
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
        points=0,
    ),
    Fault(
        "device named",
        MULTI_TENSOR,
        f"{BLOCKS}/unpack_multi_tensor.py.j2",
        ".to({{ device }})",
        ".cuda()",
        "TG010",
        ".cuda()",
        slow=True,
        points=0,
    ),
    # metrics
    Fault(
        "metrics that keep the graph",
        RECONSTRUCTION,
        f"{BLOCKS}/batch_metrics.py.j2",
        "{{ auxiliary.variable }}.detach(),",
        "{{ auxiliary.variable }},",
        "TG052",
        "carries the graph",
        points=0,
    ),
    Fault(
        "a metric of the wrong sign",
        RANKING,
        f"{BLOCKS}/batch_metrics.py.j2",
        "{{ metric.function }}({{ prediction }}.detach()",
        "{{ metric.function }}(-{{ prediction }}.detach()",
        "TG056",
        "evaluation gives ndcg",
        points=0,
    ),
    Fault(
        "a metric under another's name",
        CUSTOM_OPTIMIZER,
        f"{OBJECTIVES}/binary.py.j2",
        '"accuracy": "metrics.binary_accuracy",\n    "auc"',
        '"accuracy": "metrics.binary_recall",\n    "auc"',
        "TG056",
        "evaluation gives accuracy",
        slow=True,
    ),
    Fault(
        "epoch metric of another name",
        CUSTOM_OPTIMIZER,
        f"{OBJECTIVES}/binary.py.j2",
        '"auc": "metrics.roc_auc"',
        '"auc": "metrics.binary_f1"',
        "TG056",
        "evaluation gives auc",
        slow=True,
    ),
)

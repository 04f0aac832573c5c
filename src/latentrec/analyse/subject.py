"""Subject: a trained model with the cases it is looked at on, and its states block after block."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from latentrec.blocks import rows_per_block
from latentrec.data.batch import last_items
from latentrec.data.dataset import Cases, Histories, Int64s, SequenceDataset
from latentrec.data.prepare import Prepared, fingerprint
from latentrec.errors import ConfigError
from latentrec.evaluate.bootstrap import bootstrap
from latentrec.evaluate.evaluate import Metric, evaluate, ranking
from latentrec.evaluate.metrics import Float64s
from latentrec.evaluate.ranks import ranks
from latentrec.model.reasoner.erl import ErlReasoner
from latentrec.model.reasoner.prl import PrlReasoner
from latentrec.reasoner_config import ErlConfig, PrlConfig, ReasonerConfig
from latentrec.run.folder import check_data
from latentrec.run.run import Run, prepared_data
from latentrec.scorer import TOKENS, ModelScorer, Scorer


@final
@dataclass(frozen=True)
class Thoughts:
    """What a model thinks about a block of B cases.

    Attributes:
        rows: Which cases of the subject.
        histories: Their histories.
        targets: Item index of each target, `UNKNOWN` if training never saw it.
        first: The encoder's state h_0.
        steps: The reasoning states; M = T = 0 where there is no reasoning.
        pooled: The state that training scores, z_rea in PLR.
        ranking: The state that ranks.
        gate: Weight of each stream, or None where streams are not mixed.
    """

    rows: Int64s
    histories: Histories
    targets: Int[Tensor, " B"]
    first: Float[Tensor, "B D"]
    steps: Float[Tensor, "B M T D"]
    pooled: Float[Tensor, "B D"]
    ranking: Float[Tensor, "B D"]
    gate: Float[Tensor, "B M"] | None


@final
@dataclass(frozen=True)
class Subject:
    """A trained model and the cases it is looked at on.

    Attributes:
        name: What it is called in tables and legends.
        scorer: The model.
        dataset: Its data.
        cases: The cases, at least one.
        exclude_seen: Hide the items of the history from the ranks; never the target.
        resamples: Bootstrap resamples of users behind each interval.
        confidence: Coverage of the intervals.
        temperature: What training divided scores by before the softmax; ranks do not depend on it.
    """

    name: str
    scorer: ModelScorer
    dataset: SequenceDataset
    cases: Cases
    exclude_seen: bool
    resamples: int
    confidence: float
    temperature: float = 1.0

    @property
    def protocol(self) -> str:
        """The model, and what its ranks depend on, in words."""
        return f"{self.name}; {self.task}"

    @property
    def task(self) -> str:
        """Which cases are ranked and how, in words; the same for all models side by side."""
        rule = ranking(self.dataset, self.exclude_seen)
        return f"{len(self.cases)} of {len(self.dataset.test)} test cases; {rule}"

    @property
    def first_step(self) -> int:
        """Number of the first of `Thoughts.steps`: 0 where h_0 is one of them (docs/adr/0016)."""
        return 0 if isinstance(self.scorer.model.reasoner, ErlReasoner | PrlReasoner) else 1

    @property
    def lengths(self) -> Int64s:
        """Interactions in the history of each case, shape (C,)."""
        return self.cases.ends - self.dataset.offsets[self.cases.users]

    @property
    def asks_by_mask(self) -> bool:
        """Whether a mask behind the history asks for the next item."""
        return self.scorer.question is not last_items

    @property
    def longest(self) -> int:
        """How many interactions the model reads, the last ones; a mask takes the place of one."""
        return self.scorer.max_length - self.asks_by_mask

    def thoughts(self) -> Iterator[Thoughts]:
        """The states of all cases, block after block; histories of like length together."""
        order = np.argsort(self.lengths, kind="stable")
        step = min(rows_per_block(self.scorer.size), max(1, TOKENS // self.scorer.max_length))
        for start in range(0, len(order), step):
            yield self._think(order[start : start + step])

    @torch.inference_mode()
    def _think(self, rows: Int64s) -> Thoughts:
        part = take(self.cases, rows)
        histories, scorer = self.dataset.histories(part), self.scorer
        batch = scorer.question(histories, scorer.max_length).to(scorer.device)
        encoded = scorer.model.encode(batch.items)
        found = scorer.model.reason(encoded, batch.positions)
        return Thoughts(
            rows=rows,
            histories=histories,
            targets=torch.from_numpy(part.targets).long().to(scorer.device),
            first=encoded.at(batch.positions)[:, 0],
            steps=found.steps[:, 0],
            pooled=found.train_state[:, 0],
            ranking=found.infer_state[:, 0],
            gate=None if found.gate is None else found.gate[:, 0],
        )

    @torch.inference_mode()
    def ranks(self, states: Float[Tensor, "B D"], of: Thoughts) -> Int64s:
        """The rank of each target if these states ranked the catalogue, shape (B,)."""
        items = self.scorer.model.items
        scores = (items.queries(states) @ items.candidates().T).float()
        hidden = of.histories if self.exclude_seen else None
        return ranks(scores, of.targets, hidden).cpu().numpy()

    def judged(self, scorer: Scorer, metric: str) -> Metric:
        """One metric, like `ndcg@10`, of a scorer on the cases, with its interval."""
        name, _, top_k = metric.partition("@")
        found = evaluate(
            scorer,
            self.dataset,
            self.cases,
            top_k=(int(top_k),),
            metrics=(name,),
            exclude_seen=self.exclude_seen,
            resamples=self.resamples,
            confidence=self.confidence,
        )
        return found.metrics[metric]

    def intervals(self, values: Float64s) -> list[Metric]:
        """The mean of each column with its bootstrap interval over users.

        Args:
            values: A row a case, in the order of the cases, shape (C, K).
        """
        low, high = bootstrap(
            values,
            self.cases.users,
            resamples=self.resamples,
            confidence=self.confidence,
            seed=0,
        )
        ends = zip(values.mean(0).tolist(), low.tolist(), high.tolist(), strict=True)
        return [Metric(*each) for each in ends]


def subject_of(
    run: Run,
    *,
    prepared: Prepared | None = None,
    sample: int | None = None,
    name: str | None = None,
) -> Subject:
    """A run as a subject, on test cases of its own data and ranked as its configuration says.

    Args:
        run: The run.
        prepared: Its data, if the caller has them already.
        sample: Look at this many test cases, drawn with a fixed seed; None for all.
        name: Another name than that of the model.

    Raises:
        CheckpointError: If the data changed since training.
        ConfigError: If there is no test case, or the sample is empty.
    """
    if prepared:
        check_data(run.folder, prepared)
    dataset = (prepared or prepared_data(run)).dataset
    knobs = run.config.evaluate
    if sample is not None and sample < 1:
        raise ConfigError(f"sample={sample}: must be at least 1 case (leave it out for all)")
    if len(dataset.test) == 0:
        raise ConfigError(f"run {run.folder}: its data have no test case; check the split")
    return Subject(
        name=name or run.scorer.name,
        scorer=run.scorer,
        dataset=dataset,
        cases=_sampled(dataset.test, sample),
        exclude_seen=knobs.exclude_seen,
        resamples=knobs.resamples,
        confidence=knobs.confidence,
        temperature=_temperature(run.config.reasoner),
    )


def _temperature(reasoner: ReasonerConfig) -> float:
    """ERL and PRL divide the logits of their last state; PLR's temperature is of its contrast."""
    return reasoner.temperature if isinstance(reasoner, ErlConfig | PrlConfig) else 1.0


def scaled_by(temperature: float) -> str:
    """A sentence on the temperature of what is measured in nats, empty where it is 1."""
    return "" if temperature == 1.0 else f" Scores are divided by {temperature:g}, as in training."


def distinct_names(subjects: Sequence[Subject]) -> list[Subject]:
    """The same subjects, numbered where two have one name."""
    names = [subject.name for subject in subjects]
    return [
        replace(subject, name=f"{subject.name} ({place})")
        if names.count(subject.name) > 1
        else subject
        for place, subject in enumerate(subjects, 1)
    ]


def check_same_cases(subjects: Sequence[Subject]) -> None:
    """Refuse to put models side by side that did not face the same task.

    Raises:
        ConfigError: If two differ in data, split, cases or hidden items.
    """
    first = subjects[0]
    for other in subjects[1:]:
        problem = _unlike(first, other)
        if problem:
            raise ConfigError(
                f"analyse: '{first.name}' and '{other.name}' {problem}; only runs on the same "
                "data, split and evaluate.exclude_seen can stand side by side"
            )


def _unlike(first: Subject, other: Subject) -> str:
    """How the tasks of two subjects differ, empty where they do not."""
    if other.dataset is not first.dataset:
        ours, theirs = fingerprint(first.dataset), fingerprint(other.dataset)
        if ours != theirs:
            return f"have other data or splits (fingerprints {ours[:12]} and {theirs[:12]})"
    if other.exclude_seen != first.exclude_seen:
        return f"hide other items (exclude_seen={first.exclude_seen} and {other.exclude_seen})"
    same = all(
        np.array_equal(ours, theirs)
        for ours, theirs in (
            (first.cases.users, other.cases.users),
            (first.cases.ends, other.cases.ends),
        )
    )
    return "" if same else f"have other test cases ({len(first.cases)} and {len(other.cases)})"


def take(cases: Cases, rows: Int64s) -> Cases:
    """Some of the cases."""
    return Cases(cases.users[rows], cases.ends[rows], cases.targets[rows], cases.timestamps[rows])


def _sampled(cases: Cases, sample: int | None) -> Cases:
    if sample is None or sample >= len(cases):
        return cases
    chosen = np.random.default_rng(0).choice(len(cases), sample, replace=False)
    return take(cases, np.sort(chosen))

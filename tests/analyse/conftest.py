"""Random tiny models on a tiny synthetic log, as subjects of an analysis."""

from collections.abc import Callable

import pytest
import torch

from latentrec.analyse.subject import Subject, take
from latentrec.config import RunConfig
from latentrec.configure import parse_config
from latentrec.data.dataset import SequenceDataset
from latentrec.data.prepare import prepare
from latentrec.model.encoder import TransformerEncoder
from latentrec.model.items import IdItemEncoder
from latentrec.model.reasoner.contract import Reasoner
from latentrec.model.recommender import Recommender
from latentrec.scorer import ModelScorer

DIM, LONGEST = 8, 6
MakeSubject = Callable[[Callable[[int], Reasoner]], Subject]


@pytest.fixture(scope="session")
def dataset() -> SequenceDataset:
    data = {"users": 30, "items": 40, "interests": 6, "interests_per_user": 3, "mean_length": 8}
    config: RunConfig = parse_config({"data": data})
    return prepare(config.data, config.split).dataset


@pytest.fixture(scope="session")
def subject_with(dataset: SequenceDataset) -> MakeSubject:
    """A random model with the reasoner that is made from the hidden size."""

    def make(reasoner: Callable[[int], Reasoner]) -> Subject:
        torch.manual_seed(4)
        encoder = TransformerEncoder(DIM, 2, 2, 12, LONGEST, 0.0, 0.0, causal=True)
        model = Recommender(IdItemEncoder(dataset.index.size, DIM), encoder, reasoner(DIM))
        for parameter in (p for p in model.parameters() if p.dim() > 1):
            torch.nn.init.normal_(parameter, std=0.4)
        scorer = ModelScorer(model.eval(), "tiny", LONGEST, torch.device("cpu"))
        cases = take(dataset.test, torch.arange(len(dataset.test)).numpy())
        return Subject("tiny", scorer, dataset, cases, True, 20, 0.9)

    return make

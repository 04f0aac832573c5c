"""Text items: the mixture against loops in float64, cosine scores, and what noise may touch."""

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from latentrec.index import FIRST_ITEM
from latentrec.model.text_items import LEAST_NOISE, ExpertMixture, TextItemEncoder


def mixture(dropout: float = 0.0) -> ExpertMixture:
    """A mixture in float64 whose every parameter counts."""
    torch.manual_seed(1)
    made = ExpertMixture(5, 3, 4, dropout).double()
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return made


def encoder(use_ids: bool = False, items: int = 7, dropout: float = 0.0) -> TextItemEncoder:
    torch.manual_seed(2)
    text = torch.randn(items, 5)
    text[:FIRST_ITEM] = 0
    return TextItemEncoder(text, 6, 3, dropout, 0.07, use_ids)


def by_loops(m: ExpertMixture, text: Tensor, gates: list[list[float]]) -> Tensor:
    """`sum_k g_k W_k (x - b_k)`, number by number."""
    experts, dim, width = m.weight.shape
    out = torch.zeros(len(text), dim, dtype=torch.float64)
    for i in range(len(text)):
        for d in range(dim):
            out[i, d] = sum(
                gates[i][k] * m.weight[k, d, x] * (text[i, x] - m.bias[k, x])
                for k in range(experts)
                for x in range(width)
            )
    return out


def softmax(logits: list[float]) -> list[float]:
    powers = [math.exp(value) for value in logits]
    return [power / sum(powers) for power in powers]


def product(row: Tensor, column: Tensor) -> float:
    return sum(a * b for a, b in zip(row.tolist(), column.tolist(), strict=True))


def test_the_mixture_equals_its_formula() -> None:
    """The oracle of UniSRec's adaptor: loops over items, experts and coordinates."""
    m, text = mixture().eval(), torch.randn(6, 5, dtype=torch.float64)
    gates = [softmax([product(row, m.gate[:, k]) for k in range(4)]) for row in text]
    torch.testing.assert_close(m(text), by_loops(m, text, gates), rtol=1e-12, atol=1e-12)


def test_the_noise_of_the_gate_equals_its_formula() -> None:
    m, text = mixture().train(), torch.randn(6, 5, dtype=torch.float64)
    torch.manual_seed(5)
    found = m.gates(text)
    torch.manual_seed(5)
    noise = torch.randn(6, 4, dtype=torch.float64)
    for i, row in enumerate(text):
        spread = [math.log1p(math.exp(product(row, m.noise[:, k]))) + LEAST_NOISE for k in range(4)]
        clean = [product(row, m.gate[:, k]) for k in range(4)]
        expected = softmax([c + float(noise[i, k]) * spread[k] for k, c in enumerate(clean)])
        assert found[i].tolist() == pytest.approx(expected, abs=1e-12)


def test_a_fresh_gate_is_uniform_and_its_noise_known() -> None:
    # W_g = W_n = 0: every expert counts alike, with noise of softplus(0) + 0.01 = 0.703.
    m = ExpertMixture(5, 3, 8, 0.0)
    text = torch.randn(20_000, 5)
    torch.testing.assert_close(m.eval().gates(text), torch.full((20_000, 8), 1 / 8))
    torch.manual_seed(0)
    logs = m.train().gates(text).detach().log()
    spread = (logs[:, 0] - logs[:, 1]).std() / math.sqrt(2)
    assert float(spread) == pytest.approx(0.7031, rel=0.02)


def test_evaluation_is_repeatable_and_training_is_not() -> None:
    """P15: noise and dropout belong to training only."""
    m, text = mixture(dropout=0.5), torch.randn(6, 5, dtype=torch.float64)
    assert torch.equal(m.eval()(text), m(text))
    assert not torch.equal(m.train()(text), m(text))


def test_the_experts_are_affine_in_the_text() -> None:
    """P15: with the gate held at its uniform start, mixed texts give equally mixed vectors."""
    m = mixture().eval()
    torch.nn.init.zeros_(m.gate)
    a, b = torch.randn(2, 6, 5, dtype=torch.float64)
    torch.testing.assert_close(m(0.3 * a + 0.7 * b), 0.3 * m(a) + 0.7 * m(b))
    torch.nn.init.zeros_(m.bias)
    torch.testing.assert_close(m(2 * a - b), 2 * m(a) - m(b))


def test_gradients_are_those_of_finite_differences() -> None:
    m, text = mixture().eval(), torch.randn(3, 5, dtype=torch.float64)

    def loss(*values: Tensor) -> Any:
        names = [name for name, _ in m.named_parameters()]
        return torch.func.functional_call(m, dict(zip(names, values, strict=True)), (text,))

    starts = [p.detach().clone().requires_grad_() for p in m.parameters()]
    assert torch.autograd.gradcheck(loss, starts)


@pytest.mark.parametrize("use_ids", [False, True])
def test_scores_are_cosines_over_the_temperature(use_ids: bool) -> None:
    items, states = encoder(use_ids).eval(), torch.randn(2, 6)
    found = items.queries(states) @ items.candidates().T
    table = items.table()
    for i, state in enumerate(states):
        for item in range(FIRST_ITEM, len(table)):
            lengths = math.sqrt(product(state, state) * product(table[item], table[item]))
            expected = product(state, table[item]) / lengths / 0.07
            assert float(found.detach()[i, item]) == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_the_length_of_a_state_does_not_count() -> None:
    # h_0 + z_rea is one state: only the direction of the sum is scored (docs/adr/0025).
    items, state = encoder(), torch.randn(2, 6)
    torch.testing.assert_close(items.queries(3 * state), items.queries(state))


@pytest.mark.parametrize("use_ids", [False, True])
def test_inputs_are_rows_of_the_table(use_ids: bool) -> None:
    items, indices = encoder(use_ids).eval(), torch.tensor([[2, 3, 2], [6, 0, 0]])
    torch.testing.assert_close(items(indices), items.table()[indices])


def test_inputs_are_rows_of_the_table_in_training() -> None:
    # A single expert has gate 1 whatever the noise, so both can be compared.
    items = TextItemEncoder(torch.randn(7, 5), 6, 1, 0.0, 0.07, use_ids=False).train()
    indices = torch.tensor([[5, 3, 5], [6, 0, 0]])
    torch.testing.assert_close(items(indices), items.table()[indices])


def test_an_item_has_one_vector_within_a_call() -> None:
    # Noise and dropout of the same item must agree wherever it occurs in a batch.
    items = encoder(dropout=0.5).train()
    vectors = items(torch.tensor([[2, 3, 2], [3, 2, 4]]))
    assert torch.equal(vectors[0, 0], vectors[0, 2])
    assert torch.equal(vectors[0, 0], vectors[1, 1])
    assert not torch.equal(vectors[0, 0], vectors[0, 1])


def test_ids_are_added_to_the_text() -> None:
    with_ids = encoder(use_ids=True).eval()
    assert with_ids.ids is not None
    torch.testing.assert_close(
        with_ids.table() - with_ids.ids.weight, with_ids.mixture(with_ids.text)
    )


def test_places_without_text_disturb_nothing() -> None:
    """PAD and MASK have no text: their vector of length 0 must not bring NaN into training."""
    items = encoder().train()
    torch.testing.assert_close(items.table()[:FIRST_ITEM], torch.zeros(FIRST_ITEM, 6))
    logits = items.queries(torch.randn(4, 6)) @ items.candidates()[FIRST_ITEM:].T
    F.cross_entropy(logits, torch.tensor([0, 1, 2, 3])).backward()
    for name, parameter in items.named_parameters():
        assert parameter.grad is not None
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name


def test_the_text_is_fixed_and_no_part_of_a_checkpoint() -> None:
    items = encoder()
    assert "text" not in items.state_dict()
    assert all(p is not items.text for p in items.parameters())

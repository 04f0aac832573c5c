"""Text items: frozen text vectors through a mixture of affine experts, scored by cosine."""

from typing import Final, final

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from latentrec.model.dropout import Dropout
from latentrec.model.items import ItemEncoder

LEAST_NOISE: Final = 1e-2
"""Standard deviation of the gate's noise that training cannot take away."""


@final
class ExpertMixture(nn.Module):
    """`v = sum_k g_k W_k (dropout(x) - b_k)` with a gate g that is noisy in training only.

    Paper: UniSRec (arXiv 2206.05941), parametric whitening and MoE adaptor; every expert takes
    part, there is no top-k.

    Differs:
        - One dropout mask serves all experts, so that they are a single matrix product; the authors
          draw one for each expert.

    Args:
        text_dim: Size X of a text vector.
        dim: Hidden size D.
        experts: Number of experts G.
        dropout: Dropout of text vectors in front of the experts; the gate reads them whole.
    """

    def __init__(self, text_dim: int, dim: int, experts: int, dropout: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(experts, dim, text_dim))
        self.bias = nn.Parameter(torch.zeros(experts, text_dim))
        self.gate = nn.Parameter(torch.zeros(text_dim, experts))
        self.noise = nn.Parameter(torch.zeros(text_dim, experts))
        self.dropout = Dropout(dropout)
        nn.init.normal_(self.weight, std=0.02)

    def forward(self, text: Float[Tensor, "n X"]) -> Float[Tensor, "n D"]:
        """One vector for each text vector."""
        gates = self.gates(text)
        moved = F.linear(self.dropout(text), self.weight.flatten(0, 1))
        shift = torch.einsum("gdx,gx->gd", self.weight, self.bias)
        each = moved.unflatten(1, shift.shape) - shift
        return torch.einsum("ig,igd->id", gates.to(each.dtype), each)

    def gates(self, text: Float[Tensor, "n X"]) -> Float[Tensor, "n G"]:
        """How much each expert counts; rows add up to 1."""
        logits = text @ self.gate
        if self.training:
            spread = F.softplus(text @ self.noise) + LEAST_NOISE
            logits = logits + torch.randn_like(logits) * spread
        return logits.softmax(dim=-1)


@final
class TextItemEncoder(ItemEncoder):
    """UniSRec's item vectors: the mixture of an item's text vector, plus an id embedding if wished.

    The text vectors stay fixed and are no part of a checkpoint: a run keeps them with its items.
    Within one call, an item has one vector; the noise is drawn anew for the next call.

    Args:
        text: Text vectors of all N item indices; zero for PAD and MASK.
        dim: Hidden size D.
        experts: Number of experts G.
        dropout: Dropout of text vectors.
        temperature: Divides the cosines, above 0.
        use_ids: Add an id embedding to inputs and candidates (UniSRec's transductive setting).
    """

    text: Tensor

    def __init__(
        self,
        text: Float[Tensor, "N X"],
        dim: int,
        experts: int,
        dropout: float,
        temperature: float,
        use_ids: bool,
    ) -> None:
        super().__init__()
        self.register_buffer("text", text, persistent=False)
        self.mixture = ExpertMixture(text.shape[1], dim, experts, dropout)
        self.temperature = temperature
        self.ids = nn.Embedding(len(text), dim) if use_ids else None
        if self.ids is not None:
            nn.init.normal_(self.ids.weight, std=0.02)

    def table(self) -> Float[Tensor, "N D"]:
        """The vectors of all items, in one pass over the texts."""
        table = self.mixture(self.text)
        return table if self.ids is None else table + self.ids.weight

    def candidates(self) -> Float[Tensor, "N D"]:
        """The table at length 1, so that logits are cosines."""
        return F.normalize(self.table(), dim=-1)

    def queries(self, states: Float[Tensor, "*B D"]) -> Float[Tensor, "*B D"]:
        """States at length 1, over the temperature; of a sum, the sum is brought to length 1."""
        return F.normalize(states, dim=-1) / self.temperature

    def forward(self, items: Int[Tensor, "B L"]) -> Float[Tensor, "B L D"]:
        """The vectors of some items; only the texts that occur pass the mixture, once each."""
        distinct, places = items.unique(return_inverse=True)
        vectors = self.mixture(self.text[distinct])
        if self.ids is not None:
            vectors = vectors + self.ids(distinct)
        return F.embedding(places, vectors)

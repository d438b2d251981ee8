"""From what a text encoder pooled to an item vector, and the linear maps it starts from."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

RIDGE = 1e-3


class Projection(nn.Module):
    """`linear(x)`, or `linear(x) + down(gelu(up(x)))`; the second starts equal to the first (`down` is zero).

    Args:
        width: dimensions of x.
        dim: dimensions of an item vector.
        hidden: width of the second path; none where 0.
    """

    def __init__(self, width: int, dim: int, hidden: int = 0) -> None:
        super().__init__()
        self.linear = nn.Linear(width, dim)
        nn.init.zeros_(self.linear.bias)
        self.up = nn.Linear(width, hidden) if hidden else None
        self.down = nn.Linear(hidden, dim) if hidden else None
        if self.down is not None:
            nn.init.zeros_(self.down.weight)
            nn.init.zeros_(self.down.bias)

    def start_from(self, matrix: Tensor) -> None:
        """Set the linear map to `matrix` `[width, dim]`."""
        with torch.no_grad():
            self.linear.weight.copy_(matrix.t())

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.linear(x)
        if self.up is not None and self.down is not None:
            out = out + self.down(functional.gelu(self.up(x), approximate="tanh"))
        return out


def principal_directions(x: Tensor, dim: int) -> Tensor:
    """The `dim` directions that keep most of the inner products of `x` `[n, width]`, as `[width, dim]`.

    Not centred: with `dim` equal to the width it is a rotation, so that projected vectors rank exactly as `x` does.
    With `dim` above the width the rest is zero.
    """
    values, vectors = torch.linalg.eigh((x.t().double() @ x.double()) / len(x))
    chosen = vectors[:, values.argsort(descending=True)[:dim]].to(x.dtype)
    # eigh leaves the sign open; the largest entry is made positive, so that two machines start alike.
    signs = chosen.gather(0, chosen.abs().argmax(0, keepdim=True)).sign()
    chosen = chosen * signs
    return functional.pad(chosen, (0, dim - chosen.shape[1]))


def whitening(x: Tensor, floor: float = 1e-3) -> tuple[Tensor, Tensor]:
    """Mean `[width]` and map `[width, width]` after which `x` is uncorrelated, of unit mean squared norm.

    Args:
        x: `[n, width]`, one row per distinct text of the catalogue (Su et al. 2021, algorithm 1).
        floor: smallest eigenvalue, as a share of the largest, that is scaled up to one.
    """
    mean = x.mean(0)
    centred = (x - mean).double()
    values, vectors = torch.linalg.eigh(centred.t() @ centred / len(x))
    order = values.argsort(descending=True)
    values = values[order].clamp_min(float(values.max()) * floor)
    matrix = vectors[:, order] / (values * x.shape[1]).sqrt()
    return mean, matrix.to(x.dtype)


def ridge(x: Tensor, y: Tensor, strength: float = RIDGE) -> Tensor:
    """The map `[width, dim]` from `x` `[n, width]` to `y` `[n, dim]` by least squares, with a ridge in x's scale."""
    x64, y64 = x.double(), y.double()
    gram = x64.t() @ x64
    gram += torch.eye(len(gram), dtype=gram.dtype) * gram.diagonal().mean() * strength
    solved: Tensor = torch.linalg.solve(gram, x64.t() @ y64)
    return solved.to(x.dtype)

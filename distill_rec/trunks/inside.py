"""What the layers of known architectures are inside: where their neurons and attention heads are. Needs no torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Units:
    """Inner units of a layer, by the names of linear maps in it.

    Attributes:
        into: maps that give the units.
        out: map that takes them all, and adds what they say to the tokens' states.
        parts: vectors of all units that a map of `into` gives side by side.
        also: further maps that give some of the kind, which not every configuration has.
        biased: one bias for each head of the PLM comes with the call, the third of its arguments.
    """

    into: tuple[str, ...]
    out: str
    parts: int = 1
    also: tuple[str, ...] = ()
    biased: bool = False


@dataclass(frozen=True)
class Inside:
    """A layer's inside.

    Attributes:
        neurons: of its feed-forward network.
        heads: of its attention; None where they cannot be cut.
        norms: the LayerNorm behind the sum with what heads add, and the one behind that with what neurons add; None
            where norms stand elsewhere, so that tokens' states cannot be made narrower.
    """

    neurons: Units
    heads: Units | None = None
    norms: tuple[str, str] | None = None


def _named(prefix: str, names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{prefix}.{name}" for name in names)


_DENSE = Units(("intermediate.dense",), "output.dense")
_QUERIES = Units(_named("attention.self", ("query", "key", "value")), "attention.output.dense")
_BERT = Inside(_DENSE, _QUERIES, ("attention.output.LayerNorm", "output.LayerNorm"))
_DEBERTA = Units(
    _named("attention.self", ("query_proj", "key_proj", "value_proj")),
    "attention.output.dense",
    also=_named("attention.self", ("pos_key_proj", "pos_query_proj")),
)
_GATED = Inside(Units(_named("mlp", ("gate_proj", "up_proj")), "mlp.down_proj"))  # heads share keys and values

INSIDE: dict[str, Inside] = {
    **dict.fromkeys(("bert", "roberta", "xlm-roberta", "camembert"), _BERT),
    "electra": Inside(_DENSE, _QUERIES),  # whose embeddings may have another width than its layers
    "mpnet": Inside(
        _DENSE,
        Units(_named("attention.attn", ("q", "k", "v")), "attention.attn.o", biased=True),
        ("attention.LayerNorm", "output.LayerNorm"),
    ),
    "distilbert": Inside(
        Units(("ffn.lin1",), "ffn.lin2"),
        Units(_named("attention", ("q_lin", "k_lin", "v_lin")), "attention.out_lin"),
        ("sa_layer_norm", "output_layer_norm"),
    ),
    "modernbert": Inside(Units(("mlp.Wi",), "mlp.Wo", parts=2), Units(("attn.Wqkv",), "attn.Wo", parts=3)),
    "deberta-v2": Inside(_DENSE, _DEBERTA),
    **dict.fromkeys(("llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "gemma3_text"), _GATED),
}
"""By family (`model_type`)."""

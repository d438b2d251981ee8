"""`trunk_precision`: the numbers that a PLM is run in."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

TrunkPrecision = Annotated[
    Literal["fp32", "bf16"],
    Field(
        description="numbers that the PLM is run in: bf16 is quicker on a GPU and on a processor that multiplies them "
        "itself (AMX), and slower elsewhere; weights, what is added to them and their optimizer stay in fp32"
    ),
]

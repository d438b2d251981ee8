"""What several teachers are to the engine: a teacher like any other."""

from __future__ import annotations

from distill_rec.contracts import EstimateTeacher, OpenEncoder, Teach, TeacherSpec
from distill_rec.kinds import ENSEMBLE
from distill_rec.registry import Late
from distill_rec.several_teachers import EnsembleSection

_teach: Late[Teach] = Late("distill_rec.ensemble.teach:teach")
_estimate: Late[EstimateTeacher] = Late("distill_rec.ensemble.estimate:estimate")
_encoder: Late[OpenEncoder] = Late("distill_rec.ensemble.encoder:open_encoder")

SPEC = TeacherSpec(
    kind=ENSEMBLE,
    help="several teachers, whose scores are added",
    settings=EnsembleSection,
    supplies=frozenset({"scores", "item vectors", "user vectors"}),
    teach=_teach,
    estimate=_estimate,
    encoder=_encoder,
)

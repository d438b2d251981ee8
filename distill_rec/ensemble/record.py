"""What an ensemble and each of its teachers say of themselves."""

from __future__ import annotations

from distill_rec.records import Record


class EnsembleRecord(Record):
    """`teach/ensemble.json`.

    Attributes:
        weights: factor of each teacher's scores, by name.
        fitted: names whose weight was fitted on validation data.
        validation: nDCG@10 on validation data, by name; `fitted`: of the weighted sum, each half of the users with the
            weights that the other half gave; `mean`: with equal weights; `fixed`: with
            weights that the recipe gives.
    """

    weights: dict[str, float]
    fitted: list[str]
    validation: dict[str, float]

    @property
    def together(self) -> float:
        """nDCG@10 on validation data of the sum that is the teacher."""
        return self.validation["fitted" if self.fitted else "fixed"]


class MemberRecord(Record):
    """`teach/NAME/member.json`, written when the teacher is finished.

    Attributes:
        fingerprint: of its settings, of what it began from and of the data.
    """

    fingerprint: str

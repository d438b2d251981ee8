"""What every loss must hold, in each form that it has.

from distill_rec.losses.registry import every_loss
from distill_rec.testing.losses import check_loss

check_loss(every_loss()["mine"])
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from pydantic import BaseModel
from torch import Tensor

from distill_rec.losses.active import Active
from distill_rec.losses.catalogue import TeacherScores, catalogue_loss
from distill_rec.losses.section import loss_section
from distill_rec.losses.spec import LossSpec

ROWS, COLUMNS = 6, 7
TOKENS, WIDTH = 4, 32
"""Of a text, and of the states of losses of tokens: what their settings' defaults divide."""
JOINED = (0, 0, 0, 1, 2, 2)
"""Which rows have one user vector."""
EXTREMES = (1e4, 0.0, 1e-8)
NEAR = 1e-9


@dataclass(frozen=True)
class Sample:
    """Arguments of one call; `[rows, columns]` each, scores or vectors; states are `[rows, tokens, width]`, their mask
    `[rows, tokens]`."""

    student: Tensor
    teacher: Tensor
    clicks: Tensor
    mask: Tensor


@dataclass(frozen=True)
class Form:
    """One way in which a loss is called.

    Attributes:
        name: "impressions", "catalogue", "vectors" or "tokens".
        call: a scalar of a sample.
    """

    name: str
    call: Callable[[Sample], Tensor]


def check_loss(spec: LossSpec) -> None:
    """Run every check on every form, with weight 1 and the settings at their defaults.

    Raises:
        AssertionError: naming loss, form and check.
    """
    for form in forms_of(spec):
        for check in CHECKS:
            check(spec, form)


def forms_of(spec: LossSpec) -> list[Form]:
    """The forms that a loss has."""
    active = _active(spec)
    if spec.vectors:
        return [Form("vectors", lambda one: active.of_vectors(one.student, one.teacher))]
    if spec.tokens:
        return [Form("tokens", lambda one: active.of_tokens(one.student, one.teacher, one.mask))]
    forms = []
    if spec.works_on("impressions"):
        forms.append(
            Form(
                "impressions",
                lambda one: active.of_candidates(
                    one.student, one.teacher, one.clicks, one.mask, _popularity(one).expand_as(one.student)
                ),
            )
        )
    if spec.works_on("clicks"):
        forms.append(Form("catalogue", lambda one: _over_catalogue(active, one)))
    return forms


def _active(spec: LossSpec) -> Active:
    values = loss_section(BaseModel, {spec.name: spec})()
    return Active(spec, 1.0, spec.arguments({key: getattr(values, key) for key in spec.settings}))


def _over_catalogue(active: Active, one: Sample, same: Tensor | None = None) -> Tensor:
    """Items are unit vectors, so that users are the logits; a row's target is its first click."""
    items = torch.eye(one.student.shape[1], dtype=one.student.dtype)
    target = one.clicks.to(torch.uint8).argmax(1)
    terms, teacher = [active.term(_popularity(one))], TeacherScores(one.teacher, items)
    return catalogue_loss(one.student, items, target, None, terms, teacher, same=same)


def _popularity(one: Sample) -> Tensor:
    """Of the items: each more popular than the one before."""
    columns = one.student.shape[1]
    return torch.arange(columns, dtype=one.student.dtype) / columns


def sample_of(form: Form, dtype: torch.dtype = torch.float64) -> Sample:
    """Random scores, vectors or token states; what is shown together has a click, another candidate and padding."""
    generator = torch.Generator().manual_seed(0)
    if form.name == "tokens":
        states = [torch.randn(ROWS, TOKENS, WIDTH, generator=generator, dtype=dtype) for _ in range(2)]
        lengths = torch.arange(ROWS) % (TOKENS + 1)  # one text has no token
        shown = torch.arange(TOKENS) < lengths[:, None]
        return Sample(states[0], states[1], torch.zeros_like(shown), shown)
    student, teacher = (torch.randn(ROWS, COLUMNS, generator=generator, dtype=dtype) for _ in range(2))
    clicks = torch.zeros(ROWS, COLUMNS, dtype=torch.bool)
    clicks[torch.arange(ROWS), torch.arange(ROWS) % 3] = True
    mask = torch.ones(ROWS, COLUMNS, dtype=torch.bool)
    if form.name == "impressions":
        mask[:, -2:] = False
    return Sample(student, teacher, clicks, mask)


def check_gradient(spec: LossSpec, form: Form) -> None:
    """The gradient by the student is that of finite differences."""
    one = sample_of(form)
    student = one.student.clone().requires_grad_()
    passed = torch.autograd.gradcheck(
        lambda values: form.call(Sample(values, one.teacher, one.clicks, one.mask)), student, raise_exception=False
    )
    assert passed, _says(spec, form, "a gradient that differs from finite differences")


def check_at_teacher(spec: LossSpec, form: Form) -> None:
    """Zero or least where student equals teacher, as the spec says."""
    if not spec.at_teacher:
        return
    one = sample_of(form)
    student = one.teacher.clone().requires_grad_()
    loss = form.call(Sample(student, one.teacher, one.clicks, one.mask))
    (slope,) = torch.autograd.grad(loss, student)
    if spec.at_teacher == "zero":
        assert abs(loss.item()) < NEAR, _says(spec, form, f"{loss.item()} where student equals teacher, not zero")
    assert slope.abs().max().item() < 1e-6, _says(spec, form, "a slope where student equals teacher")
    apart = form.call(one)
    assert apart.item() > loss.item() + NEAR, _says(spec, form, "no more where student and teacher differ")


def check_permutation(spec: LossSpec, form: Form) -> None:
    """The order of a batch's rows changes nothing."""
    one, order = sample_of(form), torch.randperm(ROWS, generator=torch.Generator().manual_seed(1))
    other = Sample(one.student[order], one.teacher[order], one.clicks[order], one.mask[order])
    _same(form.call(one), form.call(other), _says(spec, form, "another value for the same rows in another order"))


def check_padding(spec: LossSpec, form: Form) -> None:
    """What stands where a row is padded has no effect and gets no gradient."""
    if form.name not in ("impressions", "tokens"):
        return
    one = sample_of(form)
    real = one.mask[..., None] if form.name == "tokens" else one.mask
    student = torch.where(real, one.student, 50.0).requires_grad_()
    teacher, clicks = torch.where(real, one.teacher, -50.0), one.clicks & one.mask
    loss = form.call(Sample(student, teacher, clicks, one.mask))
    (slope,) = torch.autograd.grad(loss, student)
    _same(form.call(one), loss, _says(spec, form, "another value for other padding"))
    assert not slope[~one.mask].any(), _says(spec, form, "a gradient at padding")


def check_shares(spec: LossSpec, form: Form) -> None:
    """Over the catalogue, and of tokens, the mean of two halves is the whole: users or texts may be cut anywhere."""
    if form.name not in ("catalogue", "tokens"):
        return
    one, half = sample_of(form), ROWS // 2
    parts = [
        form.call(Sample(one.student[part], one.teacher[part], one.clicks[part], one.mask[part]))
        for part in (slice(half), slice(half, None))
    ]
    _same(form.call(one), (parts[0] + parts[1]) / 2, _says(spec, form, "another value when the rows are cut"))


def check_joined(spec: LossSpec, form: Form) -> None:
    """Where the spec says that it joins: clicks on one user vector give together what they give row by row."""
    if form.name != "catalogue" or not spec.joins:
        return
    one, same = sample_of(form), torch.tensor(JOINED)
    student = one.student[same].requires_grad_()
    sample, message = Sample(student, one.teacher[same], one.clicks, one.mask), "another value for joined rows"
    apart, joined = (_over_catalogue(_active(spec), sample, which) for which in (None, same))
    _same(apart, joined, _says(spec, form, message))
    slopes = [torch.autograd.grad(loss, student)[0] for loss in (apart, joined)]
    one_sum, other = (torch.zeros_like(slope).index_add_(0, same, slope) for slope in slopes)  # of one user vector
    assert torch.allclose(one_sum, other, atol=NEAR), _says(spec, form, "another gradient for joined rows")


def check_extremes(spec: LossSpec, form: Form) -> None:
    """Value and gradient are finite for huge, equal and tiny inputs in float32, and for a row without clicks."""
    for scale in EXTREMES:
        one = sample_of(form, torch.float32)
        student = (one.student * scale).requires_grad_()
        clicks = one.clicks.clone()
        clicks[0] = form.name == "catalogue"
        loss = form.call(Sample(student, one.teacher * scale, clicks, one.mask))
        (slope,) = torch.autograd.grad(loss, student)
        finite = bool(torch.isfinite(loss)) and bool(torch.isfinite(slope).all())
        assert finite, _says(spec, form, f"a value or gradient that is not finite at inputs of {scale:g}")


def _same(one: Tensor, other: Tensor, message: str) -> None:
    assert abs(one.item() - other.item()) <= NEAR * max(1.0, abs(one.item())), message


def _says(spec: LossSpec, form: Form, fault: str) -> str:
    return f"loss {spec.name} ({form.name}): {fault}"


CHECKS = (
    check_gradient,
    check_at_teacher,
    check_permutation,
    check_padding,
    check_shares,
    check_joined,
    check_extremes,
)

"""Losses: pure functions of tensors, one subject a file."""

from distill_rec.losses.catalogue import TeacherScores, catalogue_loss
from distill_rec.losses.impression import impression_click_loss
from distill_rec.losses.kl import kl_loss
from distill_rec.losses.representation import cosine_loss, mse_loss

__all__ = ["TeacherScores", "catalogue_loss", "cosine_loss", "impression_click_loss", "kl_loss", "mse_loss"]

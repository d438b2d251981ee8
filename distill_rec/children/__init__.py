"""Jobs in processes of their own, whose progress, log and errors are seen in the process that began them."""

from distill_rec.children.beside import run_beside, share_of
from distill_rec.children.run import Ended, Job, run_jobs

__all__ = ["Ended", "Job", "run_beside", "run_jobs", "share_of"]

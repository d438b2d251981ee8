"""Checks of an installation, an artifact, a run, a data set or a recipe, each told with what to do.

Checks beside the installation and the artifact need the extra `train`, and are imported when they are wanted.
"""

from distill_rec.doctor.examine import examine
from distill_rec.doctor.findings import Finding, as_dict, as_table, count_line, sound

__all__ = ["Finding", "as_dict", "as_table", "count_line", "examine", "sound"]

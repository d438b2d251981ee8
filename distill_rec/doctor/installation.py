"""Whether this installation works, and what it lacks for what."""

from __future__ import annotations

import platform
import sys

from distill_rec import __version__
from distill_rec.doctor.findings import Finding
from distill_rec.doctor.graph import three_nodes
from distill_rec.doctor.machine import machine
from distill_rec.doctor.requirements import asked, fits, installed, name_of, range_of

LIGHT = "light install"


def installation() -> list[Finding]:
    """Python, the packages of the light install and of every extra, onnxruntime at work, the machine."""
    wanted = asked()
    out = [Finding("ok", LIGHT, "distill-rec", __version__)]
    if wanted is None:
        do = "Install it again: pip install distill-rec."
        out.append(Finding("problem", LIGHT, "distill-rec", "no record of what it needs", do))
        return [*out, _python(""), _onnxruntime(), *machine()]
    out.append(_python(wanted.python))
    out += [_package(requirement) for requirement in wanted.packages[""]]
    out.append(_onnxruntime())
    for extra, requirements in wanted.packages.items():
        if extra:
            out += _extra(extra, requirements)
    return out + machine()


def _python(wanted: str) -> Finding:
    found = platform.python_version()
    if fits(found, wanted):
        return Finding("ok", LIGHT, "Python", _in_range(found, wanted))
    return Finding("problem", LIGHT, "Python", f"{found}, expected {wanted}", "Use another Python.")


def _in_range(found: str, wanted: str) -> str:
    return f"{found} ({wanted})" if wanted else found


def _package(requirement: str, area: str = LIGHT) -> Finding:
    """One package of an area that is installed as a whole."""
    name, wanted = name_of(requirement), range_of(requirement)
    found = installed(name)
    do = f"pip install '{name}{wanted}'"
    if found is None:
        return Finding("problem", area, name, f"not installed, expected {wanted}", do)
    if not fits(found, wanted):
        return Finding("problem", area, name, f"{found}, expected {wanted}", do)
    return Finding("ok", area, name, _in_range(found, wanted))


def _extra(extra: str, requirements: list[str]) -> list[Finding]:
    """An extra is a choice: what is missing of it is a note, what is there in another version a problem."""
    area, do = f"extra [{extra}]", f"pip install 'distill-rec[{extra}]'"
    found = [one for one in requirements if installed(name_of(one)) is not None]
    missing = [name_of(one) for one in requirements if one not in found]
    out = [_package(one, area) for one in found]
    if not found:
        return [Finding("note", area, f"[{extra}]", "not installed", f"For its commands: {do}")]
    if missing:
        out.append(Finding("note", area, f"[{extra}]", f"not all of it: lacks {', '.join(missing)}", do))
    return out


def _onnxruntime() -> Finding:
    """Run three nodes: an install may import and still lack an instruction that its kernels use."""
    what, again = "onnxruntime at work", "pip install --force-reinstall onnxruntime"
    try:
        import numpy as np
        import onnxruntime as ort
    except ImportError as error:
        return Finding("problem", LIGHT, what, f"does not load: {error}", again)
    graph, given, expected = three_nodes()
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    try:
        session = ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        found = session.run(["y"], {"x": given})[0]
    except Exception as error:  # its errors have no base class of their own
        return Finding("problem", LIGHT, what, f"a graph of three nodes fails: {error}", again)
    if not np.allclose(found, expected, atol=1e-5):
        far = float(np.abs(found - expected).max())
        return Finding("problem", LIGHT, what, f"a graph of three nodes is off by {far:.3g}", again)
    return Finding("ok", LIGHT, what, f"a graph of three nodes gives numpy's result on {sys.platform}")

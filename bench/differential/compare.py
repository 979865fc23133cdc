"""How far two results are apart, in units of a case's tolerance."""

from collections.abc import Sequence

import numpy as np

from bench.differential.case import Array, Tolerance


def distance(actual: Sequence[Array], expected: Sequence[Array], tolerance: Tolerance) -> tuple[float, str]:
    """Returns the largest error in units of the tolerance, and what is wrong where that is above one: infinite for other shapes, types or whole numbers."""
    if len(actual) != len(expected):
        return np.inf, f"{len(actual)} outputs, MXNet has {len(expected)}"
    worst, what = 0.0, ""
    for index, (ours, theirs) in enumerate(zip(actual, expected, strict=True)):
        error, text = _output(ours, theirs, tolerance)
        if error > worst:
            worst, what = error, f"output {index}: {text}" if text else ""
    return worst, what


def _output(ours: Array, theirs: Array, tolerance: Tolerance) -> tuple[float, str]:
    if ours.shape != theirs.shape or ours.dtype != theirs.dtype:
        return np.inf, f"{ours.dtype}{list(ours.shape)}, MXNet has {theirs.dtype}{list(theirs.shape)}"
    if theirs.dtype.kind != "f" and tolerance.dtype is None:
        wrong = ours != theirs
        return (np.inf, _example(ours, theirs, wrong)) if wrong.any() else (0.0, "")
    coarse = np.dtype(tolerance.dtype or theirs.dtype)
    eps = np.finfo(coarse).eps
    with np.errstate(invalid="ignore"):  # memory that nobody wrote may hold signalling NaN
        wide, exact = ours.astype(np.float64), theirs.astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        allowed = eps * (tolerance.units * np.abs(exact) + np.sqrt(tolerance.terms) * tolerance.magnitude) + np.finfo(coarse).smallest_subnormal
        error = np.abs(wide - exact) / allowed
    same = (wide == exact) | (np.isnan(wide) & np.isnan(exact))
    error = np.where(same, 0.0, np.where(np.isfinite(error), error, np.inf))
    worst = float(error.max(initial=0.0))
    return worst, _example(ours, theirs, error == worst) if worst > 1 else ""


def _example(ours: Array, theirs: Array, wrong: Array) -> str:
    place = tuple(int(position) for position in np.unravel_index(int(np.argmax(wrong)), wrong.shape))
    return f"at {list(place)} ngc has {ours[place]!s}, MXNet {theirs[place]!s}"

"""Whether two images are of one class: error rates of distance thresholds, over all pairs."""

from evaluate.verification.result import OperatingPoint, Verification
from evaluate.verification.verify import FMRS, verify, verify_by_role

__all__ = ["FMRS", "OperatingPoint", "Verification", "verify", "verify_by_role"]

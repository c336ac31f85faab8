"""shim"""

from chorus_gui.core.review.changes import ACTIONABLE, Query
from chorus_gui.core.submission.review_site import Reviewed

__all__ = ["ACTIONABLE", "Query", "Reviewed"]

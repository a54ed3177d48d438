"""The archive remembers what was decided and by which features, and answers questions about the past.

It lies in a `Store` as Parquet segments, one row a view; other programs read them as they are.
"""

from __future__ import annotations

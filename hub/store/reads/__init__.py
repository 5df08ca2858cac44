"""What a tenant may read, as rows: each function answers for many owners at once, with one statement.

Every function takes the request's `Reading` and returns frozen rows. Rows of a parent's own (ledger entries, price
components, links, notice lines) are left out once they are missing at the source; objects others hang on stay served.
"""

from hub.store.reads.reading import Reading, ReadingFailedError, Session

__all__ = ["Reading", "ReadingFailedError", "Session"]

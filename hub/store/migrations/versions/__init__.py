"""One module a revision, in order; a revision once released is never edited."""

"""The revisions; each knows the one before it, and is never changed once released."""

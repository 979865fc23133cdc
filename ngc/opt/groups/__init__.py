"""The flags of ngc-opt, a file for each group of its help; a group also makes the instruments that its flags ask for.

What stands here is read before anything else is imported, so that `ngc-opt --help` is there at once: everything of ngc is imported inside functions.
"""

from ngc.opt.groups import checking, debugging, listing, output, pipeline, printing, reading

GROUPS = (reading, pipeline, output, printing, checking, debugging, listing)
"""In the order of the help."""

WATCHING = (debugging, printing)
"""Those with instruments, in the order in which these watch a pipeline."""

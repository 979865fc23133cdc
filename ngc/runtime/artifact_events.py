"""The stream of decisions in an artifact, so that a loaded executable can explain itself: compressed JSON, read when the graph is asked for.

For a ResNet-50 v2 that is 6 KB beside 260 MB.
"""

import json
import zlib

from ngc.ir import Graph, Loc
from ngc.runtime.artifact_file import ArtifactFile, NewSection

SECTION = "events"


def collect_events(graph: Graph) -> NewSection:
    """Returns the section of a graph's events."""
    rows = [[event.pass_name, event.rule, event.status, event.node, event.reason, [[loc.name, loc.file, loc.index] for loc in event.locs]]
            for event in graph.events]
    return NewSection(SECTION, [zlib.compress(json.dumps(rows, separators=(",", ":")).encode())])


def attach_events(graph: Graph, file: ArtifactFile) -> None:
    """Gives a graph the events of its artifact; those of earlier versions have none.

    Raises:
        ArtifactError: the file is altered.
        ValueError, TypeError, zlib.error: the section is none of ngc's.
    """
    if SECTION not in file.sections:
        return
    for pass_name, rule, status, node, reason, locs in json.loads(zlib.decompress(file.section(SECTION).read())):
        graph.events.record(pass_name, rule, status, node, reason, tuple(Loc(*loc) for loc in locs))

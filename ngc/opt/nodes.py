"""The nodes of a graph as a list, by whose names options such as `excl_node_names` and `--exclude` speak of them."""

import json
from typing import Any

from ngc.ir import Graph


def list_nodes(graph: Graph, *, as_json: bool) -> str:
    """Returns the nodes of a graph and of its regions, constants left out: name, operator, types of the results, MXNet nodes; as a table or as JSON."""
    records = [record for part in graph.with_regions() for record in _records(part, "" if part is graph else part.name)]
    if as_json:
        return json.dumps({"nodes": records}, indent=1)
    rows = [("name", "operator", "type", "MXNet nodes")]
    for record in records:
        name = f"{record['region']}/%{record['name']}" if record["region"] else f"%{record['name']}"
        rows.append((name, record["operator"], ", ".join(record["types"]), ", ".join(record["mxnet"]) or "-"))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)


def _records(graph: Graph, region: str) -> list[dict[str, Any]]:
    return [{"name": node.name, "operator": node.op, "types": [str(value.type) for value in node.outputs], "mxnet": [loc.name for loc in node.locs],
             "region": region or None} for node in graph.nodes if node.op != "const"]

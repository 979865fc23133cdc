// What a node became and where it came from, and everything that was decided about it on the way.
//
// A line becomes the lines of the next graph that make a value of the same name; where there are none, those that make it in another scope (a region of
// an engine call); where there are none either, those that come from the same MXNet nodes. A fused node has thus, going back, the node whose name it keeps
// and the nodes that it swallowed.

function isConstant(line) {
  return line.op === "const";
}

// A constant goes on as a constant and an operator as an operator, where both come from the same place.
function preferAlike(line, found) {
  const alike = found.filter((other) => isConstant(other) === isConstant(line));
  return alike.length ? alike : found;
}

function distinct(lines) {
  return [...new Set(lines.filter(Boolean))];
}

function sameNames(line, graph) {
  const here = distinct(line.results.map((key) => graph.producer(key)));
  if (here.length) return here;
  const nodes = line.results.flatMap((key) => graph.named(key.slice(key.lastIndexOf("%")))).filter((other) => other.op === line.op);
  return distinct(nodes);
}

function successors(line, graph) {
  const named = sameNames(line, graph);
  return named.length ? named : preferAlike(line, graph.from(line.locs));
}

function predecessors(line, earlier, graph) {
  const related = preferAlike(line, earlier.from(line.locs));
  const named = sameNames(line, earlier);
  const swallowed = related.filter((other) => !sameNames(other, graph).length);
  const found = distinct([...named, ...swallowed]);
  return found.length ? found : related;
}

// For each pass position, the lines that the line at a position is there.
function lineage(model, position, line) {
  const found = new Array(model.passes.length).fill(null).map(() => []);
  found[position] = [line];
  for (let next = position + 1; next < found.length; next += 1) {
    const graph = model.passes[next].graph;
    found[next] = graph === model.passes[next - 1].graph ? found[next - 1] : distinct(found[next - 1].flatMap((item) => successors(item, graph)));
  }
  for (let earlier = position - 1; earlier >= 0; earlier -= 1) {
    const graph = model.passes[earlier].graph;
    const later = model.passes[earlier + 1].graph;
    found[earlier] = graph === later ? found[earlier + 1] : distinct(found[earlier + 1].flatMap((item) => predecessors(item, graph, later)));
  }
  return found;
}

// Positions with the same lines in one item: {first, last, lines}.
function stretches(found) {
  const parts = [];
  found.forEach((lines, position) => {
    const last = parts[parts.length - 1];
    if (last && last.lines.length === lines.length && last.lines.every((line, number) => line === lines[number])) last.last = position;
    else parts.push({ first: position, last: position, lines });
  });
  return parts;
}

function bareNames(lines) {
  return new Set(lines.flatMap((line) => line.results.map((key) => key.slice(key.lastIndexOf("%") + 1))));
}

// Events about a node with how they are about it: its name ("node"), one of its MXNet nodes ("source"), or its name in the reason ("mention").
function eventsAbout(model, line, found) {
  const sources = new Set(line.locs.map((loc) => loc.name));
  const about = [];
  for (const pass of model.passes) {
    const names = bareNames([...found[Math.max(pass.position - 1, 0)], ...found[pass.position]]);
    for (const event of pass.events) {
      if (names.has(event.node)) about.push({ event, relation: "node" });
      else if (event.locs.some((loc) => sources.has(loc.name))) about.push({ event, relation: "source" });
      else if ((event.reason.match(/%[\w.$-]+/g) || []).some((name) => names.has(name.slice(1)))) about.push({ event, relation: "mention" });
    }
  }
  return about;
}

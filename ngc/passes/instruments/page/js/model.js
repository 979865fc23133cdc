// The history as objects. Lines are shared between passes: two passes hold the same line object where nothing about it changed.

function keyOf(scope, name) {
  return `${scope}%${name}`; // names hold no %, so that the last one divides
}

function readModel(data) {
  const locs = data.locs.map(([name, file, index]) => ({ name, file, index }));
  const lines = data.lines.map(([kind, scope, text, op, results, operands, types, at], id) => ({
    id, kind, scope, text, op, types, locs: at.map((number) => locs[number]), depth: scope.split("/").length - 1,
    results: results.map((name) => keyOf(scope, name)), operands: operands.map((name) => keyOf(scope, name)),
  }));
  const passes = [];
  for (const [index, name, spec, file, ms, changed, error, operators, numbers] of data.passes) {
    const graph = numbers ? new GraphView(numbers.map((number) => lines[number])) : passes[passes.length - 1].graph;
    passes.push({ position: passes.length, index, name, spec, file, ms, changed, error, operators, graph, events: [] });
  }
  for (const [position, number, rule, status, node, reason, at] of data.events) {
    const [pass, name] = data.rules[rule];
    passes[position].events.push({ position, number, pass, rule: name, status, node, reason: data.reasons[reason], locs: at.map((place) => locs[place]) });
  }
  const kernels = data.kernels.map(([node, symbol, op, note, hasFiles]) => ({ node, symbol, op, note, hasFiles }));
  const engines = data.engines.map(([node, engine, files]) => ({ node, engine, files }));
  return { title: data.title, passes, kernels, engines };
}

// One graph: its lines, and what is found in it by name. The indexes are made when first asked for, since most graphs are never looked into.
class GraphView {
  constructor(lines) {
    this.lines = lines;
    this.made = null;
  }

  get index() {
    if (this.made) return this.made;
    const made = { producers: new Map(), users: new Map(), names: new Map(), locs: new Map(), owners: new Map() };
    const last = new Map(); // the last node of each scope, which owns the regions that follow it
    for (const line of this.lines) {
      for (const key of line.results) {
        made.producers.set(key, line);
        addTo(made.names, key.slice(key.lastIndexOf("%")), line);
      }
      for (const key of new Set(line.operands)) addTo(made.users, key, line);
      for (const loc of line.locs) addTo(made.locs, loc.name, line);
      if (line.kind === "node") last.set(line.scope, line);
      if (line.kind === "graph" && line.scope) made.owners.set(line.scope, last.get(line.scope.replace(/[^/]*\/$/, "")));
    }
    this.made = made;
    return made;
  }

  producer(key) {
    return this.index.producers.get(key);
  }

  // Lines that make a value of that name ("%name") in any scope, those of the graph itself first.
  named(name) {
    return this.index.names.get(name) || [];
  }

  users(key) {
    return this.index.users.get(key) || [];
  }

  // The engine call that a region belongs to.
  owner(scope) {
    return this.index.owners.get(scope);
  }

  // Lines that come from any of the places, each once, in the order in which they came up.
  from(locs) {
    const found = new Set(locs.flatMap((loc) => this.index.locs.get(loc.name) || []));
    return [...found].sort((a, b) => a.id - b.id);
  }
}

function addTo(map, key, item) {
  if (map.has(key)) map.get(key).push(item);
  else map.set(key, [item]);
}

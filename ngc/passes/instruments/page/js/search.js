// Finds MXNet nodes, values and operators by a part of their names, with the passes in which each is.

// Every distinct line with the passes that have it, made at the first search.
function searchIndex(model) {
  if (model.searchable) return model.searchable;
  const places = new Map();
  for (const pass of model.passes) {
    for (const line of pass.graph.lines) {
      if (line.results.length) addTo(places, line, pass.position);
    }
  }
  const index = { sources: new Map(), values: new Map(), operators: new Map() };
  for (const [line, positions] of places) {
    for (const loc of line.locs) addPlaces(index.sources, loc.name, line.results[0], positions);
    for (const key of line.results) addPlaces(index.values, key, line.results[0], positions);
    if (line.op) addPlaces(index.operators, line.op, line.results[0], positions);
  }
  model.searchable = index;
  return index;
}

// index: name -> node's key -> lists of positions, one of each line that the node had
function addPlaces(index, name, key, positions) {
  if (!index.has(name)) index.set(name, new Map());
  addTo(index.get(name), key, positions);
}

// Returns {sources, values, operators}, each a list of {name, keys}; names that begin with the query come first.
function search(model, query) {
  const wanted = query.trim().toLowerCase();
  if (!wanted) return null;
  const index = searchIndex(model);
  return {
    sources: hitsOf(index.sources, wanted, (name) => name),
    values: hitsOf(index.values, wanted, (key) => key.slice(key.lastIndexOf("%") + (wanted.startsWith("%") ? 0 : 1))),
    operators: hitsOf(index.operators, wanted, (name) => name),
  };
}

function hitsOf(index, wanted, shown) {
  const hits = [];
  for (const [name, keys] of index) {
    const place = shown(name).toLowerCase().indexOf(wanted);
    if (place >= 0) hits.push({ name, place, keys });
  }
  const rank = (hit) => (hit.place === 0 ? (shown(hit.name).length === wanted.length ? 0 : 1) : 2);
  return hits.sort((a, b) => rank(a) - rank(b)); // stable: in the order of the graph otherwise
}

// Runs of positions: [[5], [0, 1, 2]] => [[0, 2], [5, 5]].
function ranges(lists) {
  const parts = [];
  for (const position of [...new Set(lists.flat())].sort((a, b) => a - b)) {
    const last = parts[parts.length - 1];
    if (last && position === last[1] + 1) last[1] = position;
    else parts.push([position, position]);
  }
  return parts;
}

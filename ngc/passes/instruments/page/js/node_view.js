// All about one node: its line, neighbours and sources, what it was and became in other passes, what was decided about it, and its code.

const RELATIONS = { node: "at ", source: "same MXNet node, at ", mention: "mentioned, at " };
const MOST = 12; // lines of one pass that are listed: an engine call comes from hundreds

function nodeElement(model, place, line) {
  const { position } = place;
  const graph = model.passes[position].graph;
  const found = lineage(model, position, line);
  return [
    element("h2", {}, element("span", {}, line.results[0] ? line.results[0] : line.kind), button("×", { title: "close (Esc)", "aria-label": "close" }, () => {
      location.hash = address({ pass: place.pass });
    })),
    element("pre", { class: "whole" }, lineElement(line, null, position)),
    facts([
      ["in", element("span", {}, `${model.passes[position].name} (${model.passes[position].index})`)],
      ["region of", line.scope ? ownerLink(graph, line, position) : null],
      ["operands", valueList(line.operands, graph, position)],
      ["users", userList(line, graph, position)],
      ["range", rangeText(graph, line)],
      ["MXNet nodes", line.locs.length ? element("span", {}, ...sourceLinks(line.locs, position)) : null],
    ]),
    codeElement(model, line, found),
    decisionsElement(model, line, found),
    historyElement(model, position, line, found),
  ].filter(Boolean);
}

function facts(rows) {
  return element("dl", {}, ...rows.filter(([, content]) => content).flatMap(([title, content]) => [element("dt", {}, title), element("dd", {}, content)]));
}

function ownerLink(graph, line, position) {
  const owner = graph.owner(line.scope);
  return owner ? valueLink(owner.results[0], owner.results[0], position) : null;
}

function valueList(keys, graph, position) {
  if (!keys.length) return null;
  const items = [...new Set(keys)].map((key) => {
    const line = graph.producer(key);
    return element("li", {}, line ? valueLink(key, key, position) : key, line ? ` ${line.op || "input"}` : " (not there)");
  });
  return element("ul", {}, ...items);
}

function userList(line, graph, position) {
  const users = distinct(line.results.flatMap((key) => graph.users(key)));
  const items = users.map((user) => (user.kind === "return" ? element("li", {}, "returned")
    : element("li", {}, valueLink(user.results[0], user.results[0], position), ` ${user.op}`)));
  return items.length ? element("ul", {}, ...items) : element("span", {}, line.results.length ? "none" : "");
}

// The calibrated ranges of a node's results.
function rangeText(graph, line) {
  const names = line.results.map((key) => `range ${key.slice(key.lastIndexOf("%"))} `);
  const found = graph.lines.filter((other) => other.kind === "range" && other.scope === line.scope && names.some((name) => other.text.startsWith(name)));
  return found.map((other) => other.text.replace("range ", "")).join(", ");
}

function decisionsElement(model, line, found) {
  const about = eventsAbout(model, line, found);
  const rows = about.map(({ event, relation }) => element("tr", { class: `${event.status} ${relation}` },
    element("td", {}, element("a", { href: address({ pass: event.position }) }, event.pass)), element("td", { class: "status" }, event.status),
    element("td", {}, event.rule, element("div", { class: "reason" }, ...linkedText(model, event.reason, event.position)),
      element("div", { class: "relation" }, RELATIONS[relation], eventNode(model, event)))));
  const none = rows.length ? null : element("p", {}, "no rule looked at it");
  return element("section", { class: "decisions" }, element("h3", {}, `decisions: ${about.length}`), none, element("table", {}, element("tbody", {}, ...rows)));
}

// What the node is in every pass: one entry for a run of passes that leave it alone.
function historyElement(model, position, line, found) {
  const entries = stretches(found).map(({ first, last, lines }) => {
    const title = element("a", { href: address({ pass: first, node: lines[0]?.results[0] }) }, runText(model, first, last));
    const shown = lines.slice(0, MOST).map((item) => element("pre", {}, lineElement(item, null, first)));
    const rest = lines.length > MOST ? element("p", {}, `… ${lines.length - MOST} more`) : null;
    const none = lines.length ? null : element("p", { class: "gone" }, first < position ? "not there yet" : "gone: no node has its name or MXNet node");
    return element("li", { class: first <= position && position <= last ? "here" : "" }, title, ...shown, rest, none);
  });
  return element("section", { class: "history" }, element("h3", {}, "through the passes"), element("ol", {}, ...entries));
}

// "5 fold-batch-norm" or "5–7 fold-batch-norm … fold-constants".
function runText(model, first, last) {
  const [from, to] = [model.passes[first], model.passes[last]];
  return from === to ? `${from.index} ${from.name}` : `${from.index}–${to.index} ${from.name} … ${to.name}`;
}

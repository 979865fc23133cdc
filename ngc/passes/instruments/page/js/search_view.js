// What a search found: MXNet nodes, values and operators, with links to the passes in which each is.

const MOST_HITS = 60; // of each kind
const MOST_NODES = 8; // of one hit

function resultsElement(model, query) {
  const found = search(model, query);
  if (!found) return [];
  const kinds = [["MXNet nodes", found.sources, (name) => name], ["values", found.values, (name) => name], ["operators", found.operators, (name) => name]];
  const sections = kinds.filter(([, hits]) => hits.length).map(([title, hits]) => hitSection(model, title, hits, query));
  return sections.length ? sections : [element("p", {}, "Nothing in any pass has that in its name.")];
}

function hitSection(model, title, hits, query) {
  const items = hits.slice(0, MOST_HITS).map((hit) => hitElement(model, hit, title === "operators" ? 200 : MOST_NODES, title === "operators", query));
  const rest = hits.length > MOST_HITS ? element("p", {}, `… ${hits.length - MOST_HITS} more; type more of the name`) : null;
  return element("section", {}, element("h3", {}, `${title}: ${hits.length}`), element("ul", {}, ...items), rest);
}

// A value that one node makes is a line; other names have the nodes below them, and operators, which have many, when they are opened.
function hitElement(model, hit, most, folded, query) {
  const node = ([key, lists]) => [element("code", {}, key), " ", ...passLinks(model, key, lists, query)];
  if (hit.keys.size === 1 && hit.keys.has(hit.name)) return element("li", {}, ...node([...hit.keys][0]));
  const nodes = [...hit.keys].slice(0, most).map((entry) => element("li", {}, ...node(entry)));
  const rest = hit.keys.size > most ? element("li", {}, `… ${hit.keys.size - most} more nodes`) : null;
  const list = element("ul", {}, ...nodes, rest);
  const name = element("strong", {}, hit.name);
  if (!folded) return element("li", {}, name, list);
  return element("li", {}, element("details", {}, element("summary", {}, name, ` ${plural(hit.keys.size, "node")}`), list));
}

// A link for each run of passes that have the node.
function passLinks(model, key, lists, query) {
  return ranges(lists).map(([first, last]) => element("a", { href: address({ pass: last, node: key, query }), class: "passes" }, runText(model, first, last)));
}

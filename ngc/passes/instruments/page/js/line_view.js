// One line of IR: its values are links, its operator stands out, its types and locations fold.

const TOKEN = /"(?:[^"\\]|\\.)*"|%[\w.$-]+|[\w.+-]+|\s+|./g;

function tokens(text) {
  return text.match(TOKEN) || [];
}

// For each token of `text`, whether it is outside of what `other` has in the same order (a longest common subsequence).
function differences(text, other) {
  let first = 0;
  while (first < text.length && text[first] === other[first]) first += 1;
  let end = 0; // how many tokens both end with
  while (end < Math.min(text.length, other.length) - first && text[text.length - 1 - end] === other[other.length - 1 - end]) end += 1;
  const middle = text.slice(first, text.length - end);
  const differs = new Array(text.length).fill(false);
  unmatched(middle, other.slice(first, other.length - end)).forEach((unlike, number) => { differs[first + number] = unlike; });
  return differs;
}

const MOST_PAIRS = 250000; // tokens times tokens that are compared; lines with longer lists differ as a whole

function unmatched(text, other) {
  if (text.length * other.length > MOST_PAIRS) return text.map(() => true);
  const width = other.length + 1;
  const common = new Uint16Array((text.length + 1) * width); // of what begins at (row, column)
  for (let row = text.length - 1; row >= 0; row -= 1) {
    for (let column = other.length - 1; column >= 0; column -= 1) {
      const at = row * width + column;
      common[at] = text[row] === other[column] ? common[at + width + 1] + 1 : Math.max(common[at + width], common[at + 1]);
    }
  }
  const unlike = text.map(() => true);
  for (let row = 0, column = 0; row < text.length && column < other.length;) {
    if (text[row] === other[column]) {
      unlike[row] = false;
      row += 1;
      column += 1;
    } else if (common[(row + 1) * width + column] >= common[row * width + column + 1]) row += 1;
    else column += 1;
  }
  return unlike;
}

// A line's element. `twin` is the line that it is compared with, null where there is none.
function lineElement(line, twin, position) {
  const words = tokens(line.text);
  const differs = twin ? differences(words, tokens(twin.text)) : [];
  const shown = element("span", { class: `line ${line.kind}${isConstant(line) ? " constant" : ""}`, "data-key": line.results[0],
    style: `padding-left:${line.depth * 2 + (inGraph(line) ? 1 : 0)}em` });
  for (let first = 0; first < words.length;) {
    let end = first;
    while (end < words.length && Boolean(differs[end]) === Boolean(differs[first])) end += 1;
    const part = differs[first] ? shown.appendChild(element("mark", {})) : shown;
    addWords(part, line, words.slice(first, end), position);
    first = end;
  }
  const retyped = twin && twin.types !== line.types;
  if (line.types) shown.append(element("span", { class: `types${retyped ? " differs" : ""}`, title: line.types }, ` : ${line.types}`));
  if (line.locs.length) shown.append(locsElement(line, twin, position));
  return shown;
}

function inGraph(line) {
  return line.kind !== "graph" && line.kind !== "end";
}

// Text that is neither a value nor the operator is gathered, which keeps the number of elements low.
function addWords(parent, line, words, position) {
  let plain = "";
  for (const word of words) {
    const special = word.startsWith("%") ? valueLink(keyOf(line.scope, word.slice(1)), word, position)
      : word === line.op ? element("b", {}, word) : null;
    if (special === null) {
      plain += word;
      continue;
    }
    parent.append(plain, special);
    plain = "";
  }
  parent.append(plain);
}

function valueLink(key, label, position) {
  return element("a", { href: address({ pass: position, node: key }), class: "value" }, label);
}

// A button that the links take the place of: most are never opened, and there are as many as lines.
function locsElement(line, twin, position) {
  const differs = twin && line.locs.map((loc) => loc.name).join() !== twin.locs.map((loc) => loc.name).join();
  const folded = button(plural(line.locs.length, "loc"), { class: `locs${differs ? " differs" : ""}` }, () => {
    folded.replaceWith(element("span", { class: "locs open" }, ...sourceLinks(line.locs, position)));
  });
  return folded;
}

// MXNet nodes as links that search for them.
function sourceLinks(locs, position) {
  return locs.map((loc) => element("a", { href: address({ pass: position, query: loc.name }), class: "source", title: placeTitle(loc) }, loc.name));
}

function placeTitle(loc) {
  if (!loc.file) return "";
  return loc.index >= 0 ? `node ${loc.index} of ${loc.file}` : loc.file;
}

// A text with the values in it as links, where the pass's graph or the one before has them.
function linkedText(model, text, position) {
  const parts = text.split(/(%[\w.$-]*[\w$])/);
  return parts.map((part) => {
    const line = part.startsWith("%") ? locate(model, position, part.slice(1)) : null;
    return line ? valueLink(line.line.results[0], part, line.position) : part;
  });
}

// Where a name that an event uses is: in the graph after the pass, or in the one before where the pass took it away.
function locate(model, position, name) {
  for (const place of [position, position - 1]) {
    const line = place >= 0 ? model.passes[place].graph.named(`%${name}`)[0] : undefined;
    if (line) return { line, position: place };
  }
  return null;
}

function eventNode(model, event) {
  const found = locate(model, event.position, event.node);
  return found ? element("a", { href: address({ pass: event.position, node: found.line.results[0] }), class: "value" }, `%${event.node}`) : `%${event.node}`;
}

// The graphs before and after a pass side by side. Runs of lines that stayed are folded; a folded run is made when it is opened.

const CONTEXT = 2; // lines that stayed shown around one that changed
const STATES = ["changed", "added", "removed", "moved"];

class GraphsView {
  constructor(model, show) {
    this.model = model;
    this.show = show; // what the buttons switch: {unchanged, constants}
    this.element = element("div", { class: "graphs" });
    this.shown = new Map(); // `left` or `right` and the line's number -> element
    this.position = -1;
    this.element.addEventListener("click", (event) => this.click(event));
  }

  // Anywhere on a line chooses its node, unless text is being marked.
  click(event) {
    const line = event.target.closest(".line[data-key]");
    if (!line || event.target.closest("a, .locs") || !getSelection().isCollapsed) return;
    location.hash = address({ ...placeOf(location.hash), pass: this.position, node: line.dataset.key });
  }

  // Shows a pass; `key` is a node that must not be folded away.
  open(position, key) {
    const after = this.model.passes[position].graph;
    const before = position ? this.model.passes[position - 1].graph : after;
    this.position = position;
    this.shown.clear();
    this.rows = passRows(this.model, position).filter((row) => this.show.constants || !isConstantRow(row));
    this.element.classList.toggle("single", before === after);
    this.element.replaceChildren(this.titles(before === after), ...this.parts(before === after, key));
  }

  titles(single) {
    const name = (position) => `${this.model.passes[position].name} (${this.model.passes[position].index})`;
    if (single) return element("div", { class: "row titles" }, element("span", {}, `after ${name(this.position)}, as before`));
    const [before, after] = [`before: after ${name(this.position - 1)}`, `after ${name(this.position)}`];
    return element("div", { class: "row titles" }, element("span", {}, before), element("span", {}, after));
  }

  // Rows and folded runs, in order.
  parts(single, key) {
    const all = this.show.unchanged || single;
    const near = this.rows.map(() => all);
    this.rows.forEach((row, number) => {
      if (row.state !== "same") near.fill(true, Math.max(number - CONTEXT, 0), number + CONTEXT + 1);
      else if (key && [row.left, row.right].some((line) => line && line.results.includes(key))) near[number] = true;
    });
    const parts = [];
    for (let first = 0; first < this.rows.length;) {
      let end = first;
      while (end < this.rows.length && near[end] === near[first]) end += 1;
      const run = this.rows.slice(first, end);
      if (near[first]) parts.push(...run.map((row) => this.row(row, single)));
      else parts.push(this.fold(run, single));
      first = end;
    }
    return parts;
  }

  fold(run, single) {
    const folded = button(`${plural(run.length, "line")} as before`, { class: "fold" }, () => folded.replaceWith(...run.map((row) => this.row(row, single))));
    return folded;
  }

  row(row, single) {
    const made = element("div", { class: `row ${row.state}` });
    if (!single) made.append(this.cell(row.left, row.right, "left", this.position - 1));
    made.append(this.cell(row.right, row.left, "right", this.position));
    return made;
  }

  cell(line, twin, side, position) {
    if (!line) return element("span", { class: "none" });
    const made = lineElement(line, twin, position);
    this.shown.set(`${side}${line.id}`, made);
    return made;
  }

  // Marks a node and scrolls to it; false where it is folded away.
  mark(line) {
    for (const marked of this.element.querySelectorAll(".line.chosen")) marked.classList.remove("chosen");
    const places = line ? ["left", "right"].map((side) => this.shown.get(`${side}${line.id}`)).filter(Boolean) : [];
    for (const place of places) place.classList.add("chosen");
    const place = places[places.length - 1];
    if (place) bringIntoView(place);
    return places.length > 0;
  }
}

// The rows of a pass, made once: going back and forth between passes is what readers do.
function passRows(model, position) {
  const pass = model.passes[position];
  const before = model.passes[Math.max(position - 1, 0)].graph;
  pass.rows = pass.rows || alignLines(before.lines, pass.graph.lines);
  return pass.rows;
}

// How many rows of each state there are, those of constants among them and by themselves.
function countRows(rows) {
  const counts = Object.fromEntries(STATES.map((state) => [state, 0]));
  let constants = 0;
  for (const row of rows) {
    if (row.state === "same") continue;
    counts[row.state] += 1;
    constants += isConstantRow(row);
  }
  return { counts, constants };
}

function isConstantRow(row) {
  return isConstant(row.left || row.right);
}

// Rows have estimated heights until they are first drawn, so that scrolling to one may miss it: it is done again when those around it are drawn.
function bringIntoView(place, tries = 5) {
  if (isVisible(place)) return;
  place.scrollIntoView({ block: "center" });
  if (tries > 1) requestAnimationFrame(() => bringIntoView(place, tries - 1));
}

function isVisible(place) {
  const box = place.getBoundingClientRect();
  const frame = place.closest("article").getBoundingClientRect();
  return box.height > 0 && box.top >= Math.max(frame.top, 0) && box.bottom <= Math.min(frame.bottom, window.innerHeight);
}

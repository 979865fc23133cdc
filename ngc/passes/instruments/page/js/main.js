// The page: what the address says is what is shown, and every link only changes the address.

class Page {
  constructor(model) {
    this.model = model;
    this.show = { unchanged: false, constants: false };
    this.graphs = new GraphsView(model, this.show);
    this.place = { pass: -1, node: "", query: "" };
    this.parts = Object.fromEntries(["passes", "pass", "node", "results", "query", "keys"].map((name) => [name, document.getElementById(name)]));
  }

  start() {
    document.body.classList.add("scripted");
    this.parts.query.hidden = false;
    this.parts.keys.hidden = false;
    this.parts.query.addEventListener("input", () => this.searchFor(this.parts.query.value));
    window.addEventListener("hashchange", () => this.go(placeOf(location.hash)));
    document.addEventListener("keydown", (event) => this.key(event));
    for (const [position, row] of [...this.parts.passes.rows].entries()) row.addEventListener("click", (event) => this.clickRow(event, position));
    this.go(location.hash ? placeOf(location.hash) : { pass: this.firstPass(), node: "", query: "" });
  }

  // The failed pass, or else the first that changed something.
  firstPass() {
    const wanted = [(pass) => pass.error, (pass) => pass.position && pass.changed, () => true];
    return wanted.map((test) => this.model.passes.find(test)).find(Boolean).position;
  }

  clickRow(event, position) {
    if (!event.target.closest("a")) location.hash = address({ ...this.place, pass: position });
  }

  // While a query is typed, the address is replaced, so that going back leaves the search at once.
  searchFor(query) {
    history.replaceState(null, "", address({ ...this.place, query }));
    this.go({ ...this.place, query });
  }

  go(wanted) {
    const place = { ...wanted, pass: Math.min(Math.max(wanted.pass, 0), this.model.passes.length - 1) };
    const previous = this.place;
    this.place = place;
    if (place.query !== previous.query) this.showResults();
    if (place.pass !== previous.pass) this.showPass();
    this.showNode(place.pass !== previous.pass || place.node !== previous.node);
  }

  showResults() {
    const { query, results } = this.parts;
    if (query.value !== this.place.query) query.value = this.place.query;
    results.replaceChildren(...resultsElement(this.model, this.place.query));
    results.hidden = !results.childElementCount;
  }

  showPass() {
    const { position } = this.pass;
    for (const [number, row] of [...this.parts.passes.rows].entries()) row.classList.toggle("chosen", number === position);
    this.parts.passes.rows[position].scrollIntoView({ block: "nearest" });
    this.graphs.open(position, this.place.node);
    this.parts.pass.replaceChildren(...this.heading(this.pass), eventsElement(this.model, this.pass),
      ...(this.pass.file ? [] : [allCodeElement(this.model)].filter(Boolean)), this.switches(), this.graphs.element);
    this.parts.pass.scrollTop = 0;
    if (document.activeElement !== this.parts.query) this.parts.pass.focus({ preventScroll: true }); // so that the keyboard scrolls it
  }

  get pass() {
    return this.model.passes[this.place.pass];
  }

  heading(pass) {
    const { counts } = countRows(passRows(this.model, pass.position));
    const operators = Object.entries(pass.operators).map(([op, count]) => `${op} ${count}`).join(", ");
    const changes = STATES.filter((state) => counts[state]).map((state) => `${counts[state]} ${state}`).join(", ");
    const changed = pass.position ? changes || (!pass.file ? "the graph stays" : "no line of the IR changed") : "as imported";
    return [
      element("h2", {}, `${pass.index}. ${pass.spec || pass.name}`),
      pass.error ? element("pre", { class: "error" }, pass.error) : null,
      element("p", { class: "facts" }, `${pass.ms.toFixed(2)} ms; lines: ${changed}; operators: ${operators || "none"}`,
        pass.file ? element("a", { href: encodeURIComponent(pass.file) }, " text") : null),
    ].filter(Boolean);
  }

  // Buttons for what the two graphs show.
  switches() {
    const toggle = (name, label) => {
      const made = button(label, { "aria-pressed": String(this.show[name]) }, () => {
        this.show[name] = !this.show[name];
        made.setAttribute("aria-pressed", String(this.show[name]));
        this.graphs.open(this.place.pass, this.place.node);
        this.graphs.mark(this.line());
      });
      return made;
    };
    const fold = (name, label, shown) => {
      const made = button(label, { "aria-pressed": String(shown) }, () => {
        const on = made.getAttribute("aria-pressed") !== "true";
        made.setAttribute("aria-pressed", String(on));
        this.graphs.element.classList.toggle(`no-${name}`, !on);
      });
      this.graphs.element.classList.toggle(`no-${name}`, !shown);
      return made;
    };
    const { constants } = countRows(passRows(this.model, this.place.pass));
    return element("div", { class: "switches" }, "show ", toggle("unchanged", "unchanged lines"),
      toggle("constants", constants ? `constants (${constants} changed)` : "constants"), fold("types", "types", true), fold("locs", "locations", true));
  }

  // The chosen node's line, in the graph after the pass or, where the pass took it away, in the one before.
  line() {
    return this.found()?.line;
  }

  found() {
    const { pass, node } = this.place;
    for (const position of [pass, pass - 1]) {
      const line = position >= 0 && node ? this.model.passes[position].graph.producer(node) : undefined;
      if (line) return { line, position };
    }
    return null;
  }

  showNode(moved) {
    const panel = this.parts.node;
    const found = this.found();
    panel.hidden = !this.place.node;
    if (!moved) return;
    if (found && !this.graphs.mark(found.line)) {
      this.revealNode(found.line);
    } else if (!found) {
      this.graphs.mark(null);
    }
    if (found) panel.replaceChildren(...nodeElement(this.model, { pass: this.place.pass, position: found.position }, found.line));
    else panel.replaceChildren(element("p", {}, `${this.place.node} is in neither graph of this pass.`));
    panel.scrollTop = 0;
  }

  // Opens what hides a line: a folded run, or that constants are not shown.
  revealNode(line) {
    const { constants } = this.show;
    this.show.constants = constants || isConstant(line);
    this.graphs.open(this.place.pass, line.results[0]);
    this.show.constants = constants;
    this.graphs.mark(line);
  }

  key(event) {
    const typing = event.target === this.parts.query;
    if (event.key === "Escape") this.close();
    else if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    else if (event.key === "/") this.parts.query.focus();
    else if (event.key === "j" || event.key === "ArrowRight") this.step(1);
    else if (event.key === "k" || event.key === "ArrowLeft") this.step(-1);
    else return;
    event.preventDefault();
  }

  step(by) {
    const pass = Math.min(Math.max(this.place.pass + by, 0), this.model.passes.length - 1);
    location.hash = address({ ...this.place, pass });
  }

  // The search first, then the node.
  close() {
    this.parts.query.blur();
    location.hash = address(this.place.query ? { ...this.place, query: "" } : { ...this.place, node: "" });
  }
}

new Page(readModel(JSON.parse(document.getElementById("data").textContent))).start();

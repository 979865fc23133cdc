// The decisions of one pass in order: rules that fired, with their equations, then what was refused, skipped and chosen.

const STATUS_TITLES = { applied: "rules that fired", refused: "refused", skipped: "skipped", chosen: "chosen" };

function eventsElement(model, pass) {
  const parts = Object.keys(STATUS_TITLES).map((status) => statusElement(model, pass.events.filter((event) => event.status === status), status));
  return element("div", { class: "events" }, ...parts);
}

function statusElement(model, events, status) {
  if (!events.length) return null;
  const counts = new Map();
  for (const event of events) counts.set(event.rule, (counts.get(event.rule) || 0) + 1);
  const summary = [...counts].map(([rule, count]) => `${rule} ${count}`).join(", ");
  const details = element("details", { class: status }, element("summary", {}, `${STATUS_TITLES[status]}: ${events.length} (${summary})`));
  const fill = () => details.childElementCount > 1 || details.append(eventTable(model, events));
  details.addEventListener("toggle", fill, { once: true }); // when it is opened: DenseNet's have hundreds of rows
  if (status === "applied") {
    fill(); // now, since a table that comes later would move what is scrolled to
    details.open = true;
  }
  return details;
}

function eventTable(model, events) {
  const rows = events.map((event) => element("tr", {},
    element("td", { class: "number" }, String(event.number)), element("td", {}, event.rule), element("td", {}, eventNode(model, event)),
    element("td", {}, ...sourceLinks(event.locs, event.position)), element("td", { class: "reason" }, ...linkedText(model, event.reason, event.position))));
  const titles = ["#", "rule", "node", "MXNet nodes", events[0].status === "applied" ? "equation" : "why"];
  return element("div", { class: "scroll" }, element("table", {}, element("thead", {}, element("tr", {}, ...titles.map((title) => element("th", {}, title)))),
    element("tbody", {}, ...rows)));
}

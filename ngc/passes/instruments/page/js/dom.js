// Elements. What comes from the model goes in as text nodes and attributes only, so that no name can become markup.

function element(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== undefined && value !== "") made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

function button(label, attributes, action) {
  const made = element("button", { type: "button", ...attributes }, label);
  made.addEventListener("click", action);
  return made;
}

// Where the page stands is in the address, so that going back works and places can be sent on: pass, node (scope%name) and search.
function address(place) {
  const parameters = new URLSearchParams();
  for (const name of ["pass", "node", "query"]) {
    if (place[name] !== undefined && place[name] !== "") parameters.set(name, place[name]);
  }
  return `#${parameters}`;
}

function placeOf(hash) {
  const parameters = new URLSearchParams(hash.replace(/^#/, ""));
  return { pass: Number.parseInt(parameters.get("pass"), 10) || 0, node: parameters.get("node") || "", query: parameters.get("query") || "" };
}

function plural(count, word) {
  return `${count} ${word}${count === 1 ? "" : "s"}`;
}

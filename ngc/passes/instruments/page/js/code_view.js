// What nodes became: kernels with their LLVM IR and assembly, and what was built for engines.

// Kernels and engine files of what the node is in the end.
function codeElement(model, line, found) {
  const last = found[found.length - 1];
  const graph = model.passes[model.passes.length - 1].graph;
  const owners = last.filter((item) => item.scope).map((item) => graph.owner(`${item.scope.split("/")[0]}/`));
  const names = bareNames(distinct([...last.filter((item) => !item.scope && !isConstant(item)), ...owners]));
  const kernels = model.kernels.filter((kernel) => names.has(kernel.node)).map((kernel) => kernelItem(model, kernel));
  const engines = model.engines.filter((engine) => names.has(engine.node)).map((engine) => engineItem(model, engine));
  if (!kernels.length && !engines.length) return null;
  return element("section", { class: "code" }, element("h3", {}, "code"), element("ul", {}, ...engines, ...kernels));
}

function kernelItem(model, kernel) {
  const path = `kernels/${encodeURIComponent(kernel.symbol)}`;
  const links = kernel.hasFiles ? [element("a", { href: `${path}.ll` }, "LLVM IR"), " ", element("a", { href: `${path}.s` }, "assembly"), " "] : [];
  return element("li", {}, ...links, element("code", {}, kernel.symbol), ` ${kernel.op} of `, lastLink(model, kernel.node),
    kernel.note ? `: ${kernel.note}` : "");
}

function engineItem(model, engine) {
  const links = engine.files.flatMap((file) => [element("a", { href: `engines/${encodeURIComponent(file)}` }, file), " "]);
  return element("li", {}, ...links, `${engine.engine}, for `, lastLink(model, engine.node));
}

// A node of the last graph.
function lastLink(model, name) {
  return valueLink(`%${name}`, `%${name}`, model.passes.length - 1);
}

// All of it, in the order in which the program calls it.
function allCodeElement(model) {
  const items = [...model.engines.map((engine) => engineItem(model, engine)), ...model.kernels.map((kernel) => kernelItem(model, kernel))];
  if (!items.length) return null;
  const summary = element("summary", {}, `calls of kernels: ${model.kernels.length}`);
  return element("details", { class: "code", open: true }, summary, element("div", { class: "scroll" }, element("ul", {}, ...items)));
}

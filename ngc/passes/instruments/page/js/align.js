// Two graphs side by side. Lines are matched by the values that they make, not by their text, so that a node that changed stands beside itself.

function matchKeys(line) {
  if (line.kind === "node" && line.results.length) return line.results;
  if (line.kind === "range") return [`${line.scope}range ${line.text.split(" ")[1]}`];
  return [`${line.scope}${line.kind} ${line.op}`];
}

// For each line of `after`, the position of the line of `before` that it was, or -1.
function matches(before, after) {
  const free = new Map();
  before.forEach((line, position) => matchKeys(line).forEach((key) => free.has(key) || free.set(key, position)));
  const used = new Set();
  return after.map((line) => {
    const found = matchKeys(line).map((key) => free.get(key)).find((position) => position !== undefined && !used.has(position));
    if (found === undefined) return -1;
    used.add(found);
    return found;
  });
}

// Positions in `matched` of a longest run of rising matches: what keeps its order and can stand on one row.
function risingRun(matched) {
  const tails = []; // tails[n]: where a run of n + 1 ends lowest
  const previous = new Array(matched.length).fill(-1);
  matched.forEach((value, position) => {
    if (value < 0) return;
    let low = 0;
    let high = tails.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (matched[tails[middle]] < value) low = middle + 1;
      else high = middle;
    }
    previous[position] = low ? tails[low - 1] : -1;
    tails[low] = position;
  });
  const run = [];
  for (let position = tails.length ? tails[tails.length - 1] : -1; position >= 0; position = previous[position]) run.push(position);
  return run.reverse();
}

// Rows of {left, right, state}: same, changed, removed (left only), added (right only) and moved (on the two rows where it stood and stands).
function alignLines(before, after) {
  const matched = matches(before, after);
  const anchors = risingRun(matched);
  const wanted = new Set(matched);
  const rows = [];
  let left = 0;
  let right = 0;
  const upTo = (leftEnd, rightEnd) => {
    for (; left < leftEnd; left += 1) rows.push({ left: before[left], right: null, state: wanted.has(left) ? "moved" : "removed" });
    for (; right < rightEnd; right += 1) rows.push({ left: null, right: after[right], state: matched[right] >= 0 ? "moved" : "added" });
  };
  for (const anchor of anchors) {
    upTo(matched[anchor], anchor);
    rows.push({ left: before[left], right: after[right], state: before[left] === after[right] ? "same" : "changed" });
    left += 1;
    right += 1;
  }
  upTo(before.length, after.length);
  return rows;
}

// Two graphs side by side. Lines are matched by the values that they make, not by their text, so that a node that changed stands beside itself.

function matchKeys(line) {
  if (line.kind === "node" && line.results.length) return line.results;
  if (line.kind === "range") return [`${line.scope}range ${line.text.split(" ")[1]}`];
  return [`${line.scope}${line.kind} ${line.op}`];
}

// What a node that went into a region, or came out of one, still has.
function scopelessKeys(line) {
  return line.kind === "node" ? line.results.map((key) => `${key.slice(key.lastIndexOf("%"))} ${line.op}`) : [];
}

// For each line of `after`, the position of the line of `before` that it was, or -1.
function matches(before, after) {
  const matched = new Array(after.length).fill(-1);
  const used = new Set();
  for (const keysOf of [matchKeys, scopelessKeys]) {
    const places = new Map();
    before.forEach((line, position) => used.has(position) || keysOf(line).forEach((key) => places.has(key) || places.set(key, position)));
    after.forEach((line, number) => {
      if (matched[number] >= 0) return;
      const found = keysOf(line).map((key) => places.get(key)).find((position) => position !== undefined && !used.has(position));
      if (found === undefined) return;
      used.add(found);
      matched[number] = found;
    });
  }
  return matched;
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

// The state of two lines on one row; a node that only went into a region moved.
function stateOf(left, right) {
  if (left === right) return "same";
  return left.scope !== right.scope && left.text === right.text && left.types === right.types ? "moved" : "changed";
}

// Rows of {left, right, state}: same, changed, removed (left only), added (right only) and moved (on the two rows where it stood and stands, or on one).
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
    rows.push({ left: before[left], right: after[right], state: stateOf(before[left], after[right]) });
    left += 1;
    right += 1;
  }
  upTo(before.length, after.length);
  return rows;
}

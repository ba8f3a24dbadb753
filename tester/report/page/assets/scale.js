// The x axis: events in their order, or virtual time; what part of it is in view.

const canvas = document.getElementById("drawing");
const overview = document.getElementById("overview");
let GUTTER = 92;  // where the names of the lanes stand
let width = 800;

function extent() {
  const { events } = view.run;
  const { length } = view.axis;
  if (!view.realTime) return [-0.5, Math.max(length + Math.min(5, length / 8), 1)];
  const first = events[0]?.time ?? 0, last = events.at(-1)?.time ?? 1;
  const room = Math.max(1, (last - first) * 0.02);
  return [first - room, last + room];
}

// Where an event stands on the axis; a fraction is a point between it and the next.
function axisOf(position) {
  const { events } = view.run;
  const at = Math.max(0, Math.min(events.length - 1, Math.floor(position)));
  if (!view.realTime) {
    const here = view.rank[at] ?? 0, next = at + 1 < events.length ? view.rank[at + 1] : here + 1;
    return here + (position < at ? position - at : (next - here) * Math.min(1, position - at));
  }
  const here = events[at]?.time ?? 0, next = events[at + 1]?.time ?? here;
  return here + (next - here) * Math.max(0, position - at);
}

function xOf(position) {
  return GUTTER + (axisOf(position) - view.from) / (view.to - view.from) * (width - GUTTER - 8);
}

function positionAt(x) {
  const value = view.from + (x - GUTTER) / (width - GUTTER - 8) * (view.to - view.from);
  if (!view.realTime) return onAxis(value);
  const { events } = view.run;
  let low = 0, high = events.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (events[middle].time < value) low = middle + 1; else high = middle;
  }
  return low;
}

// The event that stands at a place of the axis in the order of events.
function onAxis(at) {
  return view.axis[Math.max(0, Math.min(view.axis.length - 1, Math.round(at)))] ?? 0;
}

function setView(from, to) {
  const [first, last] = extent();
  const least = view.realTime ? 20 : 6;
  let span = Math.max(least, Math.min(to - from, last - first));
  let start = (from + to - span) / 2;
  start = Math.max(first, Math.min(start, last - span));
  view.from = start;
  view.to = start + span;
}

function zoom(factor, around) {
  const middle = around ?? axisOf(view.cursor);
  const inside = Math.min(view.to, Math.max(view.from, middle));
  setView(inside - (inside - view.from) * factor, inside + (view.to - inside) * factor);
  draw();
}

function pan(share) {
  const shift = (view.to - view.from) * share;
  setView(view.from + shift, view.to + shift);
  draw();
}

function fit() {
  setView(...extent());
  draw();
}

// About so many events are in view at first that their texts can be read; further back only as far
// as what led to it.
function around(event) {
  const [first, last] = extent();
  const most = Math.max(14, (width - GUTTER) / (page.kind === "history" ? 44 : 30));
  if (view.realTime) {
    const { events } = view.run, at = Math.round(view.rank[event] ?? 0);
    const a = events[onAxis(at - most / 2)]?.time ?? 0, b = events[onAxis(at + most / 2)]?.time ?? 1;
    setView(a, Math.max(b, a + 1000));
    return;
  }
  if (last - first <= most * 1.3) { setView(first, last); return; }
  const at = axisOf(event);
  const led = view.run.events.filter(e => e.cause && e.id <= event).map(e => axisOf(e.id) - 2)
    .filter(rank => at - rank < most * 3.5);
  setView(Math.min(at - most * 0.7, ...led), at + most * 0.3);
}

// Have the cursor in view.
function reveal(event) {
  const at = axisOf(event), margin = (view.to - view.from) * 0.08;
  if (at < view.from + margin || at > view.to - margin) {
    const span = view.to - view.from;
    setView(at - span / 2, at + span / 2);
  }
}

// Have the lane of the cursor in view: of many lanes some are further down.
function revealLane() {
  const event = view.run.events[view.cursor], op = event && view.run.byOp.get(event.op);
  const client = lanes.clients.find(lane => lane.name === op?.client);
  const lane = client && OPERATIONS.has(event.kind) ? client : lanes.nodes.get(event?.node) ?? client;
  const box = document.getElementById("lanes");
  if (!lane) return;
  const end = lane.y + lane.height + 8;
  if (lane.y - AXIS < box.scrollTop) box.scrollTop = lane.y - AXIS;
  else if (end > box.scrollTop + box.clientHeight) box.scrollTop = end - box.clientHeight;
}

// The first event that is in view, and the last.
function visibleEvents() {
  const last = view.run.events.length - 1;
  if (!view.realTime) {
    return view.axis.length ? [onAxis(Math.floor(view.from)), onAxis(Math.ceil(view.to))] : [0, -1];
  }
  return [Math.max(0, positionAt(GUTTER) - 1), Math.min(last, positionAt(width) + 1)];
}

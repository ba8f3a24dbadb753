// The x axis: events in their order, or virtual time; what part of it is in view.

const canvas = document.getElementById("drawing");
const overview = document.getElementById("overview");
const GUTTER = 92;  // where the names of the lanes stand
let width = 800;

function extent() {
  const { events } = view.run;
  if (!view.realTime) return [-0.5, Math.max(events.length, 1)];
  const first = events[0]?.time ?? 0, last = events.at(-1)?.time ?? 1;
  const room = Math.max(1, (last - first) * 0.02);
  return [first - room, last + room];
}

// Where an event stands on the axis; a fraction is a point between it and the next.
function axisOf(position) {
  if (!view.realTime) return position;
  const { events } = view.run;
  const at = Math.max(0, Math.min(events.length - 1, Math.floor(position)));
  const here = events[at]?.time ?? 0, next = events[at + 1]?.time ?? here;
  return here + (next - here) * Math.max(0, position - at);
}

function xOf(position) {
  return GUTTER + (axisOf(position) - view.from) / (view.to - view.from) * (width - GUTTER - 8);
}

function positionAt(x) {
  const value = view.from + (x - GUTTER) / (width - GUTTER - 8) * (view.to - view.from);
  if (!view.realTime) return value;
  const { events } = view.run;
  let low = 0, high = events.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (events[middle].time < value) low = middle + 1; else high = middle;
  }
  return low;
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

// About so many events are in view at first: their texts can be read.
function around(event) {
  const [first, last] = extent();
  const most = Math.max(18, (width - GUTTER) / (page.kind === "history" ? 44 : 26));
  if (last - first <= most && !view.realTime) { setView(first, last); return; }
  if (view.realTime) {
    const { events } = view.run;
    const a = events[Math.max(0, event - Math.round(most / 2))].time;
    const b = events[Math.min(events.length - 1, event + Math.round(most / 2))].time;
    setView(a, Math.max(b, a + 1000));
    return;
  }
  setView(event - most * 0.7, event + most * 0.3);
}

// Have the cursor in view.
function reveal(event) {
  const at = axisOf(event), margin = (view.to - view.from) * 0.08;
  if (at < view.from + margin || at > view.to - margin) {
    const span = view.to - view.from;
    setView(at - span / 2, at + span / 2);
  }
}

// The first event that is in view, and the last.
function visibleEvents() {
  const last = view.run.events.length - 1;
  if (!view.realTime) {
    return [Math.max(0, Math.floor(view.from)), Math.min(last, Math.ceil(view.to))];
  }
  return [Math.max(0, positionAt(GUTTER) - 1), Math.min(last, positionAt(width) + 1)];
}

// The space-time view: nodes as lanes, messages as arrows, and what befell them as marks and words.

function drawBands() {
  const top = lanes.space, bottom = lanes.height;
  for (const band of view.run.bands) {
    if (band.kind !== "cut") continue;
    const [x, w] = bandX(band);
    if (x > width || x + w < GUTTER) continue;
    const own = lanes.nodes.get(band.node);
    if (band.node !== "network" && own) hatch(x, own.y + 2, w, own.height - 4, colours.unknown, 14);
    else hatch(x, top, w, bottom - top, colours.line, 14);
  }
}

function bandX(band) {
  const x = xOf(band.first);
  const end = band.last < 0 ? view.run.events.length : band.last;
  return [x, Math.max(2, xOf(end) - x)];
}

function drawSpace(linked) {
  pen.strokeStyle = colours.line;
  pen.lineWidth = 1;
  for (const lane of lanes.nodes.values()) line(GUTTER, lane.middle, width, lane.middle);
  plates = [];
  rings = [];
  const named = [];
  for (const band of view.run.bands) if (band.kind !== "holds") drawBand(band, named);
  drawMessages(linked);
  drawMarks(linked);
  const taken = named.map(([text, x, y, most, colour, weight]) => {
    label(text, x, y, most, colour, weight);
    return { x, y: y - 7, w: Math.min(most, pen.measureText(text).width), h: 14 };
  });
  drawPlates([...taken, ...rings]);
}

function drawBand(band, named) {
  const lane = lanes.nodes.get(band.node);
  if (!lane) return;
  const [x, w] = bandX(band);
  if (x > width || x + w < GUTTER) return;
  const left = Math.max(x, GUTTER) + 4, room = Math.min(x + w, width) - left - 3;
  if (band.kind === "role") {
    const leads = band.text.startsWith("leader"), h = leads ? 8 : 4, end = lane.y + lane.height - 2;
    pen.fillStyle = termColour(band.term);
    pen.globalAlpha = band.text.startsWith("candidate") ? 0.55 : 1;
    pen.fillRect(x, end - h, w, h);
    pen.globalAlpha = 1;
    named.push([leads ? `★ ${band.text}` : band.text, left, end - 15, room,
      termColour(band.term), leads ? "700" : ""]);
  } else if (band.kind === "down") {
    pen.fillStyle = colours.ground;
    pen.fillRect(x, lane.y + 2, w, lane.height - 4);
    hatch(x, lane.y + 2, w, lane.height - 4, colours.fail, 6);
    pen.strokeStyle = colours.fail;
    pen.strokeRect(x, lane.y + 2, w, lane.height - 4);
    named.push([`✝ ${band.text}`, left, lane.y + 9, room, colours.fail, "700"]);
  } else if (band.kind === "paused") {
    hatch(x, lane.y + 8, w, lane.height - 16, colours.unknown, 5);
    named.push([`❚❚ ${band.text}`, left, lane.y + 9, room, colours.unknown, "700"]);
  } else {
    const place = lane.bands + BAND * band.row;
    pen.fillStyle = colours.raised;
    pen.fillRect(x, place, w, 18);
    pen.strokeStyle = colours.unknown;
    pen.lineWidth = 1;
    pen.strokeRect(x, place, w, 18);
    const sign = { cut: "✂ ", conditions: "≈ ", annotation: "✎ " }[band.kind] ?? "";
    named.push([sign + band.text, left, place + 9, room, colours.text, "600"]);
    hits.push({ x, y: place, w, h: 18, band });
    return;
  }
  hits.push({ x, y: lane.y, w, h: 14, band });
}

// -- messages -------------------------------------------------------------------------------------

function drawMessages(linked) {
  const [first, last] = visibleEvents();
  const seen = view.run.messages.filter(m => {
    const end = Math.max(m.sent, m.ended, ...m.arrivals, ...m.answers);
    return m.sent >= 0 && m.sent <= last && end >= first && showsMessage(m)
      && !(m.repeats && view.fold);
  });
  const room = seen.length < (width - GUTTER) / 16, dense = seen.length > width, free = pixels();
  for (const m of seen) {
    const plain = dense && !m.marks.length && !linked.rpcs.has(m.rpc) && !isCited(m);
    if (plain && !free(xOf(m.sent), `${m.source} ${m.target}`)) continue;
    drawMessage(m, linked.rpcs.has(m.rpc), room);
  }
}

function drawMessage(m, selected, room) {
  const source = lanes.nodes.get(m.source), target = lanes.nodes.get(m.target);
  if (!source) return;
  const cited = isCited(m);
  const colour = selected ? colours.accent : m.marks.length ? colours.unknown : colours.quiet;
  const style = { colour, width: selected || cited ? 2.4 : 1.2 };
  const x = xOf(m.sent), far = target ?? { middle: source.middle + 20 };
  const fate = m.marks[0] ?? "";
  m.arrivals.forEach((at, copy) => {
    const mark = copy > 0 ? "duplicated" : m.marks.includes("late") ? "late"
      : m.marks.includes("held") ? "held" : "";
    arrow(x, source.middle, xOf(at), far.middle, { ...style, dash: mark ? [7, 4] : [] }, mark);
  });
  if (!m.arrivals.length) {
    const stub = x + Math.max(14, Math.min(40, (xOf(m.sent + 1) - x) * 0.6));
    const y = source.middle + (far.middle - source.middle) * 0.55;
    const word = fate || (m.ended < 0 ? "on its way" : m.fate);
    arrow(x, source.middle, stub, y, { ...style, dash: [3, 3] }, word, true);
  }
  if (m.answers.length) drawReply(m, source, far, style);
  nameMessage(m, x, source, far, cited ? colours.fail : selected ? colours.accent : "", room);
  hits.push({ x: x - 5, y: source.middle - 6, w: 10, h: 12, message: m });
}

// The number of a message, and what it asks for: of those that a sentence names and of the
// selected ones always, and of the others where there is room.
function nameMessage(m, x, source, far, colour, room) {
  if (!colour && !room) return;
  const down = far.middle > source.middle, end = m.arrivals.length ? xOf(m.arrivals[0]) : x + 20;
  plate(`#${m.rpc} ${m.method.split(".").at(-1)}`, x + (end - x) * 0.18 + 5,
    source.middle + (down ? 13 : -13), colour || colours.quiet, colour ? 2 : 4);
}

function isCited(m) {
  return view.name === "main" && (page.cited ?? []).includes(m.rpc);
}

function drawReply(m, source, far, style) {
  const from = xOf(m.answers[0]);
  if (m.fate === "reply" && m.ended >= 0) {
    arrow(from, far.middle, xOf(m.ended), source.middle, { ...style, dash: [] }, "");
  } else if (m.fate === "reply lost" || m.fate === "server dead") {
    const stub = from + Math.max(14, Math.min(40, (xOf(m.answers[0] + 1) - from) * 0.6));
    const y = far.middle + (source.middle - far.middle) * 0.55;
    arrow(from, far.middle, stub, y, { ...style, dash: [3, 3] }, m.fate, true);
  }
}

// An arrow with a word beside it; one that gets nowhere ends in a cross.
function arrow(x1, y1, x2, y2, { colour, width: thick, dash }, word, stops = false) {
  pen.strokeStyle = pen.fillStyle = colour;
  pen.lineWidth = thick;
  pen.setLineDash(dash);
  line(x1, y1, x2, y2);
  pen.setLineDash([]);
  if (stops) {
    pen.lineWidth = 2.2;
    pen.strokeStyle = word === "on its way" ? colour : colours.fail;
    line(x2 - 5, y2 - 5, x2 + 5, y2 + 5);
    line(x2 - 5, y2 + 5, x2 + 5, y2 - 5);
  } else {
    const angle = Math.atan2(y2 - y1, x2 - x1);
    pen.beginPath();
    pen.moveTo(x2, y2);
    pen.lineTo(x2 - 8 * Math.cos(angle - 0.4), y2 - 8 * Math.sin(angle - 0.4));
    pen.lineTo(x2 - 8 * Math.cos(angle + 0.4), y2 - 8 * Math.sin(angle + 0.4));
    pen.fill();
  }
  if (word) plate(word, stops ? x2 + 9 : (x1 + x2) / 2 + 4, stops ? y2 : (y1 + y2) / 2);
}

// Words that stay readable over lines. They are placed last, the most important first, where nothing
// else stands; of those that are only good to have, one without a place is left out.
let plates = [], rings = [];
const GOOD_TO_HAVE = 4;

function plate(text, x, y, colour, rank = 3) {
  const shade = colour ?? (/lost|gone|dead|unreach/.test(text) ? colours.fail : colours.unknown);
  plates.push({ text, x, y, colour: shade, rank });
}

function drawPlates(taken) {
  pen.font = `600 11px ${colours.sans}`;
  plates.sort((a, b) => a.rank - b.rank);
  for (const one of plates) {
    const w = pen.measureText(one.text).width, x = Math.max(GUTTER + 2, Math.min(one.x, width - w - 4));
    if (one.x > width + 20 || one.x + w < GUTTER) continue;
    const seats = one.rank < GOOD_TO_HAVE ? [0, -14, 14, -28, 28, -42] : [0, -22];
    const free = seats.map(shift => ({ x: x - 2, y: one.y + shift - 7, w: w + 4, h: 13 }))
      .find(seat => seat.y > AXIS && !taken.some(other => overlaps(seat, other)));
    if (!free && one.rank >= GOOD_TO_HAVE) continue;
    const seat = free ?? { x: x - 2, y: one.y - 7, w: w + 4, h: 13 };
    taken.push(seat);
    pen.fillStyle = colours.ground;
    pen.fillRect(seat.x, seat.y, seat.w, seat.h + 1);
    pen.fillStyle = one.colour;
    pen.fillText(one.text, x, seat.y + 7);
  }
}

function overlaps(a, b) {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
}

// -- events ---------------------------------------------------------------------------------------

const SIGNS = { crash: "✝", stop: "■", restart: "↻", pause: "❚❚", resume: "▶", "disk loss": "⛁",
  log: "≡", print: "≡", note: "✎", does: "◆", death: "✗", annotate: "✎", fault: "⚡", cut: "✂",
  heal: "∪", "cut short": "✝", skew: "◷", "slow disk": "⛁", weather: "≈" };

function drawMarks(linked) {
  const [first, last] = visibleEvents();
  const from = Math.round(view.rank[first] ?? 0), to = Math.round(view.rank[last] ?? -1);
  const step = Math.max(1, Math.floor((to - from) / 6000));
  const free = new Map();
  for (let at = from; at <= to; at += step) {
    const id = view.axis[at], event = view.run.events[id];
    if (!event) continue;
    const lane = lanes.nodes.get(event.node);
    if (!lane) continue;
    const x = xOf(id), sign = SIGNS[event.kind], selected = isLinked(linked, event);
    if (event.wrong) {
      ring(x, lane.middle, 9, colours.fail);
      plate("✗ rule broken", x + 12, lane.middle - 15, colours.fail, 0);
    }
    if (event.cause) {
      ring(x, lane.middle, 7, colours.fail, [3, 2]);
      plate("by this", x + 10, lane.middle - 15, colours.fail, 1);
    }
    if (sign) {
      label(sign, x - 4, lane.middle - 1, 20, event.kind === "does" ? colours.accent : colours.fail,
        "700");
      say(event, x, lane, free);
    } else {
      dot(x, lane.middle, selected || id === view.cursor ? 4.5 : 2.5,
        selected ? colours.accent : colours.text);
    }
    hits.push({ x: x - 5, y: lane.middle - 7, w: 10, h: 14, event });
  }
}

// The words of a sign, below the lane, where the words before leave room; a band says them itself.
function say(event, x, lane, free) {
  if (x < (free.get(lane.name) ?? -Infinity) || lane.begun.has(event.id)) return;
  pen.font = `600 11px ${colours.sans}`;
  const text = shorten(event.text, 220);
  if (!text) return;
  plate(text, x + 9, lane.middle + (lane.low ? 0 : 11), colours.quiet, GOOD_TO_HAVE);
  free.set(lane.name, x + 14 + pen.measureText(text).width);
}

function dot(x, y, radius, colour) {
  pen.fillStyle = colour;
  pen.beginPath();
  pen.arc(x, y, radius, 0, 7);
  pen.fill();
}

function ring(x, y, radius, colour, dash = []) {
  rings.push({ x: x - radius, y: y - radius, w: 2 * radius, h: 2 * radius });
  pen.strokeStyle = colour;
  pen.lineWidth = dash.length ? 2 : 3;
  pen.setLineDash(dash);
  pen.beginPath();
  pen.arc(x, y, radius, 0, 7);
  pen.stroke();
  pen.setLineDash([]);
}

// -- the whole run, small -------------------------------------------------------------------------

function drawOverview() {
  const ratio = window.devicePixelRatio || 1, w = overview.clientWidth || width, h = 34;
  overview.width = w * ratio;
  overview.height = h * ratio;
  const small = overview.getContext("2d");
  small.setTransform(ratio, 0, 0, ratio, 0, 0);
  const [first, last] = extent();
  const at = id => (axisOf(id) - first) / (last - first) * w;
  const { counts, most, marked } = crowd(w, at);
  small.fillStyle = colours.quiet;
  counts.forEach((count, x) => {
    if (count) small.fillRect(x, h - 3 - 22 * count / most, 1, 22 * count / most);
  });
  small.fillStyle = colours.fail;
  for (const id of marked) small.fillRect(at(id) - 1, 2, 2, 8);
  for (const number of view.run.why.keys()) {
    const op = view.run.byOp.get(number);
    if (op) small.fillRect(at(op.call) - 1, 2, 3, h - 4);
  }
  small.strokeStyle = colours.accent;
  small.lineWidth = 2;
  const x1 = (view.from - first) / (last - first) * w, x2 = (view.to - first) / (last - first) * w;
  small.strokeRect(x1 + 1, 1, Math.max(3, x2 - x1 - 2), h - 2);
}

// How many events stand at each pixel of the overview, and which are marked there: kept until the
// axis changes, for a long run has many.
let crowded = { axis: null, w: 0, realTime: false };
function crowd(w, at) {
  const { axis, realTime } = view;
  if (crowded.axis === axis && crowded.w === w && crowded.realTime === realTime) return crowded;
  const counts = new Uint32Array(Math.ceil(w) + 1);
  for (const id of axis) counts[Math.max(0, Math.min(counts.length - 1, Math.floor(at(id))))] += 1;
  const marked = view.run.events.filter(e => e.wrong || kindOf(e) === "faults").map(e => e.id);
  crowded = { axis, w, realTime, counts, marked, most: counts.reduce((a, b) => Math.max(a, b), 1) };
  return crowded;
}

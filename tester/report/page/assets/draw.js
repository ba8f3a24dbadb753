// The picture: lanes of clients with their operations, the ribbon of a key, lanes of nodes.

const pen = canvas.getContext("2d");
const ROW = 26, LANE = 66, LOW_LANE = 52, RIBBON = 26, BAND = 20, AXIS = 22;
let colours = {};
let lanes = { clients: [], ribbons: [], nodes: new Map(), height: 0, space: 0 };
let hits = [];

// A canvas knows no variables: an element is asked what each of them comes to.
function readColours() {
  const probe = document.body.appendChild(document.createElement("span"));
  const style = getComputedStyle(probe);
  const names = ["ground", "raised", "line", "text", "quiet", "accent", "pass", "fail", "unknown",
    "mark", "linked", "t0", "t1", "t2", "t3", "t4", "t5", "t6", "t7"];
  colours = Object.fromEntries(["mono", "sans"].map(n => [n, style.getPropertyValue(`--${n}`).trim()]));
  for (const name of names) {
    probe.style.color = `var(--${name})`;
    colours[name] = style.color;
  }
  probe.remove();
}

function termColour(term) {
  return term <= 0 ? colours.t0 : colours[`t${1 + (term - 1) % 7}`];
}

// Lanes from top to bottom, for the filters as they are: those without anything on them are left out.
function layOut() {
  const { run } = view;
  const seen = inSight(run);
  const names = fewClients(run, run.clients.filter(c => !seen || seen.clients.has(c)));
  const present = few(run, run.nodes.filter(n => !seen || seen.nodes.has(n.name)));
  GUTTER = gutterFor([...names, ...present.map(n => n.name)]);
  let y = AXIS;
  const clients = names
    .map(name => {
      const lane = { name, y, height: ROW * (run.rowsOf.get(name) ?? 1) + 8 };
      y += lane.height;
      return lane;
    });
  const chosen = view.key === "" ? run.partitions.slice(0, 4)
    : run.partitions.filter(p => p.key === view.key);
  const ribbons = chosen.filter(p => p.spans.length > 0).map(part => {
    const ribbon = { part, y: y + 4 };
    y += RIBBON;
    return ribbon;
  });
  if (clients.length) y += 8;
  const space = y;
  const nodes = new Map();
  const room = (0.6 * window.innerHeight - y - 80) / Math.max(1, present.length - 1);
  const lane = Math.max(LOW_LANE, Math.min(LANE, Math.floor(room)));
  for (const node of present) {
    const low = node.kind === "test" || node.kind === "network";
    const rows = run.bandRows.get(node.name) ?? 0, more = BAND * Math.max(0, rows - 1);
    const height = low ? 24 + Math.max(10, BAND * rows) : lane + more;
    const middle = low ? y + (rows ? 12 : 17) : y + more + lane / 2 - 2;
    nodes.set(node.name, { ...node, y, height, middle, bands: y + (low ? 24 : 2), low,
      begun: new Set(run.bands.filter(b => b.node === node.name && b.kind !== "role").map(b => b.first)) });
    y += height;
  }
  lanes = { clients, ribbons, nodes, height: y + 8, space };
}

// Of very many nodes the servers, those of what matters, and the first of the others.
const MOST_LANES = 60;
function few(run, nodes) {
  if (nodes.length <= MOST_LANES) return nodes;
  const kept = new Set(nodes.filter(n => n.kind !== "client").map(n => n.name));
  for (const e of run.events) if (e.wrong || e.cause) kept.add(e.node);
  kept.add(run.events[view.cursor]?.node);
  for (const { name } of nodes) if (kept.size < MOST_LANES) kept.add(name);
  return nodes.filter(n => kept.has(n.name));
}

function fewClients(run, clients) {
  if (clients.length <= MOST_LANES) return clients;
  const kept = new Set(run.operations.filter(o => o.core || run.why.has(o.number)).map(o => o.client));
  const here = run.byOp.get(run.events[view.cursor]?.op);
  if (here) kept.add(here.client);
  for (const name of clients) if (kept.size < MOST_LANES) kept.add(name);
  return clients.filter(name => kept.has(name));
}

// The clients and nodes that filters leave something of; null without a filter.
function inSight(run) {
  if (!view.client && !view.node && !view.key) return null;
  const clients = new Set(run.operations.filter(showsOperation).map(o => o.client));
  const nodes = new Set(view.axis.map(id => run.events[id].node));
  for (const m of run.messages) {
    if (!showsMessage(m)) continue;
    nodes.add(m.source);
    nodes.add(m.target);
  }
  return { clients, nodes };
}

// As wide as the longest name, within limits.
function gutterFor(names) {
  pen.font = `600 12px ${colours.sans}`;
  const widest = names.reduce((most, name) => Math.max(most, pen.measureText(name).width), 0);
  return Math.ceil(Math.max(72, Math.min(widest + 18, width < 600 ? 92 : 150)));
}

function size() {
  const box = document.getElementById("lanes");
  width = Math.max(260, box.clientWidth);
  layOut();
  const ratio = window.devicePixelRatio || 1;
  const height = Math.min(lanes.height, 9000);
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
}

let waiting = false;
function draw() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => { waiting = false; drawNow(); });
}

function drawNow() {
  hits = [];
  pen.fillStyle = colours.ground;
  pen.fillRect(0, 0, width, lanes.height);
  pen.textBaseline = "middle";
  const linked = linkedOf(view.run, view.run.events[view.cursor] ?? { op: -1, rpc: -1 });
  drawBands();
  drawAxis();
  pen.save();
  pen.beginPath();
  pen.rect(GUTTER - 4, 0, width, lanes.height);
  pen.clip();
  drawOperations(linked);
  drawHolders();
  drawOrder();
  drawRibbons();
  drawSpace(linked);
  drawCursor();
  pen.restore();
  drawNames();
  drawOverview();
}

function label(text, x, y, most, colour, weight = "") {
  pen.font = `${weight} 12px ${colours.sans}`.trim();
  pen.fillStyle = colour;
  const shown = shorten(text, most);
  if (shown) pen.fillText(shown, x, y);
}

function shorten(text, most) {
  if (most < 10) return "";
  if (pen.measureText(text).width <= most) return text;
  let low = 0, high = Math.min(text.length, 120);
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (pen.measureText(`${text.slice(0, middle)}…`).width <= most) low = middle;
    else high = middle - 1;
  }
  return low > 1 ? `${text.slice(0, low)}…` : "";
}

function hatch(x, y, w, h, colour, gap = 7) {
  pen.save();
  pen.beginPath();
  pen.rect(x, y, w, h);
  pen.clip();
  pen.strokeStyle = colour;
  pen.lineWidth = 1;
  pen.beginPath();
  const first = Math.max(x, 0) - h;
  for (let at = first - (first % gap); at < Math.min(x + w, width); at += gap) {
    pen.moveTo(at, y + h);
    pen.lineTo(at + h, y);
  }
  pen.stroke();
  pen.restore();
}

function drawNames() {
  pen.fillStyle = colours.ground;
  pen.fillRect(0, AXIS, GUTTER - 6, lanes.height);
  for (const lane of lanes.clients) {
    label(elided(lane.name), 6, lane.y + lane.height / 2, GUTTER, colours.text, "600");
  }
  for (const { part, y } of lanes.ribbons) {
    label(part.key === "" ? "object" : `key ${part.key}`, 6, y + 9, GUTTER - 14, colours.quiet);
  }
  for (const lane of lanes.nodes.values()) {
    label(elided(lane.name), 6, lane.middle, GUTTER, colours.text, "600");
  }
  pen.strokeStyle = colours.line;
  pen.lineWidth = 1;
  line(GUTTER - 6, AXIS, GUTTER - 6, lanes.height);
  if (lanes.clients.length) line(0, lanes.space - 4, width, lanes.space - 4);
}

// A name that fits in front of its lane: its beginning and its end tell it from others.
function elided(name) {
  pen.font = `600 12px ${colours.sans}`;
  let text = name;
  for (let keep = name.length - 1; keep > 3 && pen.measureText(text).width > GUTTER - 14; keep -= 1) {
    text = `${name.slice(0, Math.ceil(keep / 2))}…${name.slice(name.length - Math.floor(keep / 2))}`;
  }
  return text;
}

function line(x1, y1, x2, y2) {
  pen.beginPath();
  pen.moveTo(x1, y1);
  pen.lineTo(x2, y2);
  pen.stroke();
}

function drawAxis() {
  pen.strokeStyle = colours.line;
  line(0, AXIS - 1, width, AXIS - 1);
  label(view.realTime ? "virtual s" : "event", 6, AXIS / 2, GUTTER - 10, colours.quiet);
  const rough = (view.to - view.from) / Math.max(2, (width - GUTTER) / 80);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max(1, [1, 2, 5, 10].map(n => n * power).find(s => s >= rough));
  const last = view.realTime ? view.to : Math.min(view.to, view.axis.length - 1);
  for (let at = Math.ceil(Math.max(0, view.from) / step) * step; at <= last; at += step) {
    const x = GUTTER + (at - view.from) / (view.to - view.from) * (width - GUTTER - 8);
    pen.strokeStyle = colours.line;
    line(x, AXIS - 5, x, AXIS - 1);
    const text = !view.realTime ? String(onAxis(at))
      : page.kind === "run" ? (at / 1e6).toFixed(step < 1000 ? 6 : 3) : String(Math.round(at));
    label(text, x + 3, AXIS / 2, 80, colours.quiet);
  }
}

// -- the history view -----------------------------------------------------------------------------

function drawOperations(linked) {
  const [first, last] = visibleEvents(), room = pixels();
  const y0 = new Map(lanes.clients.map(lane => [lane.name, lane.y]));
  for (const op of view.run.operations) {
    if (op.call > last + 1 || (op.ret >= 0 && op.ret < first - 1)) continue;
    if (!y0.has(op.client) || !showsOperation(op)) continue;
    const y = y0.get(op.client) + 4 + op.row * ROW, selected = op.number === linked.op;
    const matters = selected || op.core || view.run.why.has(op.number);
    if (matters || op.ret < 0 || xOf(op.ret) - xOf(op.call) > 3 || room(xOf(op.call), y)) {
      drawOperation(op, y, selected);
    }
  }
  drawBeside();
}

// Whether nothing small has been drawn yet at a place: of many within a pixel, one is seen.
function pixels() {
  const latest = new Map();
  return (x, y) => {
    const pixel = Math.floor(x);
    if (latest.get(y) === pixel) return false;
    latest.set(y, pixel);
    return true;
  };
}

// Texts of operations that are too narrow for them and matter.
let beside = [];
function drawBeside() {
  for (const { told, x, right, y, colour } of beside) {
    pen.font = `600 12px ${colours.sans}`;
    const after = width - right - 8, before = x - GUTTER - 8;
    const behind = after >= 110 || after > before, most = Math.min(260, behind ? after : before);
    const w = pen.measureText(shorten(told, most)).width, left = behind ? right + 5 : x - w - 6;
    pen.fillStyle = colours.ground;
    pen.fillRect(left - 3, y - 9, w + 6, 17);
    label(told, left, y, most, colour, "600");
  }
  beside = [];
}

function drawOperation(op, y, selected) {
  const open = op.ret < 0, x = xOf(op.call), h = ROW - 6;
  const right = open ? width + 20 : xOf(op.ret), w = Math.max(3, right - x);
  const wrong = view.run.why.has(op.number);
  pen.fillStyle = wrong ? colours.ground : op.core ? colours.mark : colours.raised;
  pen.fillRect(x, y, w, h);
  if (op.ambiguous) hatch(x, y, w, h, colours.line);
  pen.strokeStyle = wrong ? colours.fail : selected ? colours.accent
    : op.core ? colours.text : colours.quiet;
  pen.lineWidth = wrong || selected || op.core ? 2.5 : 1;
  pen.beginPath();
  pen.moveTo(right, y);
  pen.lineTo(x, y);
  pen.lineTo(x, y + h);
  pen.lineTo(right, y + h);
  if (!open) pen.closePath();
  pen.stroke();
  const point = view.run.points.get(op.number), bar = point ? xOf(point.at) : -1;
  const start = Math.max(x, GUTTER) + 5, left = bar > start - 8 && bar < start + 20 ? bar + 9 : start;
  const told = `${wrong ? "✗ " : ""}${op.text}${open ? " (open)" : ` → ${op.answer}`}`;
  const colour = wrong ? colours.fail : colours.text;
  if ((wrong || op.core) && right - left < 120 && right < width + 5) {
    beside.push({ told, x, right, y: y + h / 2 + 1, colour });
  } else {
    label(told, left, y + h / 2 + 1, right - left - 4, colour, op.core ? "600" : "");
  }
  hits.push({ x, y, w, h, op });
}

// Who has a lock: below the boxes of its client, and red where somebody else has it, too.
function drawHolders() {
  const y0 = new Map(lanes.clients.map(lane => [lane.name, lane.y + lane.height]));
  for (const band of view.run.held) {
    if (!y0.has(band.node)) continue;
    const [x, w] = bandX(band), y = y0.get(band.node) - 8;
    if (x > width || x + w < GUTTER) continue;
    pen.fillStyle = band.twice ? colours.fail : colours.accent;
    pen.fillRect(x, y, w, band.twice ? 6 : 4);
    const text = band.late ? "✗ holds it, too" : "holds it";
    const left = Math.max(GUTTER + 4, Math.min(Math.max(x, GUTTER) + 4, width - 100));
    label(text, left, y - 9, Math.max(96, x + w - left - 6),
      band.twice ? colours.fail : colours.accent, "600");
  }
}

// The linearization points, joined in their order.
function drawOrder() {
  const [first, last] = visibleEvents();
  const y0 = new Map(lanes.clients.map(lane => [lane.name, lane.y]));
  const chosen = view.key === "" ? view.run.partitions.slice(0, 1)
    : view.run.partitions.filter(p => p.key === view.key);
  for (const part of chosen) {
    const near = part.order.filter(n => {
      const p = view.run.points.get(n);
      return p && p.at >= first - 40 && p.at <= last + 40 && showsOperation(view.run.byOp.get(n));
    });
    pen.strokeStyle = colours.text;
    pen.globalAlpha = 0.45;
    pen.lineWidth = 1;
    pen.beginPath();
    const dense = near.length > width, room = pixels();
    for (const number of dense ? [] : near) {
      const op = view.run.byOp.get(number), y = pointY(op, y0);
      if (y === null) continue;
      pen.lineTo(xOf(view.run.points.get(number).at), y);
    }
    pen.stroke();
    pen.globalAlpha = 1;
    const crowded = near.length > (width - GUTTER) / 14;
    for (const number of near) {
      const op = view.run.byOp.get(number);
      if (dense && !room(xOf(view.run.points.get(number).at), pointY(op, y0))) continue;
      drawPoint(op, y0, crowded);
    }
  }
}

function pointY(op, y0) {
  return op && y0.has(op.client) && showsOperation(op) ? y0.get(op.client) + 4 + op.row * ROW + 10 : null;
}

function drawPoint(op, y0, crowded) {
  const y = pointY(op, y0);
  if (y === null) return;
  const { at, rank } = view.run.points.get(op.number), x = xOf(at);
  pen.strokeStyle = pen.fillStyle = colours.text;
  pen.lineWidth = crowded ? 1 : 3;
  line(x, y - 12, x, y + 12);
  if (!crowded) {
    pen.font = `600 10px ${colours.sans}`;
    const text = String(rank), w = pen.measureText(text).width;
    pen.fillStyle = colours.text;
    pen.fillRect(x - w / 2 - 3, y + 6, w + 6, 11);
    pen.fillStyle = colours.ground;
    pen.fillText(text, x - w / 2, y + 12);
  }
}

// What each key holds between the linearization points.
function drawRibbons() {
  const [first, last] = visibleEvents(), room = pixels();
  for (const { part, y } of lanes.ribbons) {
    part.spans.forEach((span, at) => {
      const next = part.spans[at + 1];
      const from = span.op < 0 ? -0.5 : view.run.points.get(span.op)?.at ?? 0;
      const ended = part.verdict === "illegal" ? lastPoint(part) + 0.6 : view.run.events.length;
      const to = next ? view.run.points.get(next.op)?.at ?? from : Math.max(ended, from + 0.6);
      if (to < first - 1 || from > last + 1) return;
      const x = xOf(from), w = Math.max(1, xOf(to) - x);
      if (w < 2 && !room(x, y)) return;
      pen.fillStyle = at % 2 ? colours.linked : colours.raised;
      pen.fillRect(x, y, w, RIBBON - 8);
      pen.strokeStyle = colours.line;
      pen.lineWidth = 1;
      pen.strokeRect(x, y, w, RIBBON - 8);
      const left = Math.max(x, GUTTER) + 4;
      label(span.text, left, y + 10, x + w - left - 4, colours.text);
    });
    if (part.verdict === "illegal") {
      const x = xOf(lastPoint(part) + 0.6);
      label("✗ nothing fits next", Math.max(x, GUTTER) + 5, y + 10, 150, colours.fail, "600");
    }
  }
}

function lastPoint(part) {
  const number = part.order.at(-1);
  return number === undefined ? -0.5 : view.run.points.get(number)?.at ?? -0.5;
}

function drawCursor() {
  if (!view.run.events.length) return;
  const x = xOf(view.cursor);
  pen.strokeStyle = colours.accent;
  pen.lineWidth = 2;
  pen.setLineDash([5, 3]);
  line(x, AXIS - 4, x, lanes.height);
  pen.setLineDash([]);
  pen.fillStyle = colours.accent;
  pen.beginPath();
  pen.moveTo(x - 6, AXIS - 10);
  pen.lineTo(x + 6, AXIS - 10);
  pen.lineTo(x, AXIS - 1);
  pen.fill();
}

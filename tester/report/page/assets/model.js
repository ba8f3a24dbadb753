// The model: the document with its arrays as objects, and what can be looked up in it.

const page = JSON.parse(document.getElementById("data").textContent);

const FAULTS = new Set(["crash", "stop", "restart", "pause", "resume", "cut short", "disk loss",
  "skew", "slow disk", "cut", "heal", "weather", "fault", "death"]);
const OPERATIONS = new Set(["call", "return", "unheard"]);
const SAYINGS = new Set(["log", "print"]);
const NOTES = new Set(["does", "note", "annotate", "end"]);

// To which of the kinds in the filter an event belongs.
function kindOf(event) {
  if (OPERATIONS.has(event.kind)) return "operations";
  if (SAYINGS.has(event.kind)) return "logs";
  if (FAULTS.has(event.kind)) return "faults";
  if (NOTES.has(event.kind)) return "notes";
  return "messages";
}

// A run with names for its columns, and indexes: what a view asks for.
function readRun(raw) {
  const run = { ...raw };
  run.events = raw.events.map((e, id) => ({
    id, time: e[0], kind: e[1], node: e[2], text: e[3], op: e[4] ?? -1, rpc: e[5] ?? -1,
    level: e[6] ?? "", wrong: e[7] ?? false, cause: e[8] ?? false,
  }));
  run.messages = raw.messages.map(m => ({
    rpc: m[0], op: m[1], method: m[2], source: m[3], target: m[4], sent: m[5], held: m[6],
    arrivals: m[7], answers: m[8], ended: m[9], fate: m[10], marks: m[11], request: m[12],
    reply: m[13], again: 0, repeats: false,
  }));
  run.bands = (raw.bands ?? []).map(b => ({
    node: b[0], kind: b[1], first: b[2], last: b[3], text: b[4], details: b[5] ?? "",
    term: b[6] ?? -1,
  }));
  run.states = (raw.states ?? []).map(s => ({ event: s[0], node: s[1], object: s[2], rows: s[3] }));
  run.entries = (raw.entries ?? []).map(e => ({
    event: e[0], node: e[1], index: e[2], term: e[3], op: e[4], rpc: e[5],
  }));
  run.disks = (raw.disks ?? []).map(d => ({ event: d[0], node: d[1], when: d[2], files: d[3] }));
  run.elections = (raw.elections ?? []).map(e => ({
    ...e, votes: e.votes.map(v => ({ event: v[0], voter: v[1], granted: v[2] })),
  }));
  run.partitions = raw.partitions.map(p => ({
    ...p,
    spans: (p.spans ?? []).map(s => ({ op: s[0], text: s[1] })),
    candidates: (p.candidates ?? []).map(c => ({ op: c[0], why: c[1] })),
    order: p.order ?? [], core: p.core ?? [],
  }));
  run.entryAt = new Map(run.entries.map(e => [`${e.index} ${e.term}`, e]));
  run.byRpc = new Map(run.messages.map(m => [m.rpc, m]));
  run.byOp = new Map(run.operations.map(o => [o.number, o]));
  run.ofOp = new Map();
  for (const m of run.messages) {
    if (m.op < 0) continue;
    if (!run.ofOp.has(m.op)) run.ofOp.set(m.op, []);
    run.ofOp.get(m.op).push(m);
  }
  run.clients = [...new Set(run.operations.map(o => o.client))].sort(byName);
  run.why = new Map();
  for (const part of run.partitions) for (const c of part.candidates) run.why.set(c.op, c.why);
  run.points = new Map();
  for (const part of run.partitions) placePoints(run, part);
  findRepeats(run, mattering(run));
  findHolders(run);
  stackOperations(run);
  stackBands(run);
  return run;
}

function byName(a, b) {
  return a.localeCompare(b, "en", { numeric: true });
}

// Where in the order of events each operation of a partition takes effect: after the latest call
// of it and of those before it, and before the next event.
function placePoints(run, part) {
  let latest = -1, ties = 0;
  part.order.forEach((number, at) => {
    const op = run.byOp.get(number);
    if (!op) return;
    if (op.call > latest) { latest = op.call; ties = 0; } else { ties += 1; }
    const point = latest + 0.25 + 0.6 * (1 - 1 / (1 + ties / 4));
    run.points.set(number, { at: point, rank: at + 1, part });
  });
}

// The messages that are never folded: those that a rule or its cause is about, or a sentence.
function mattering(run) {
  const marked = run.events.filter(e => (e.wrong || e.cause) && e.rpc >= 0).map(e => e.rpc);
  return new Set([...marked, ...page.cited ?? []]);
}

// Heartbeats and their like: the same request between the same nodes with the same outcome.
function findRepeats(run, kept) {
  const latest = new Map();
  for (const m of run.messages) {
    if (m.op >= 0 || kept.has(m.rpc)) continue;
    const lane = `${m.source}\u0000${m.target}`;
    const said = [m.method, m.request, m.reply, m.fate, ...m.marks].join("\u0000");
    const before = latest.get(lane);
    if (before && before.said === said) {
      m.repeats = true;
      before.message.again += 1;
    } else {
      latest.set(lane, { said, message: m });
    }
  }
}

// Clients that hold a lock, and with whom they hold it at the same time.
function findHolders(run) {
  run.held = run.bands.filter(b => b.kind === "holds");
  for (const band of run.held) {
    const end = band.last < 0 ? Infinity : band.last;
    const others = run.held.filter(other => other.node !== band.node && other.details === band.details
      && other.first < end && band.first < (other.last < 0 ? Infinity : other.last));
    band.twice = others.length > 0;
    band.late = others.some(other => other.first < band.first);
  }
}

// Operations of one client that overlap stand in rows below each other.
function stackOperations(run) {
  run.rowsOf = new Map();
  const ends = new Map();
  for (const op of [...run.operations].sort((a, b) => a.call - b.call)) {
    if (!ends.has(op.client)) ends.set(op.client, []);
    const rows = ends.get(op.client);
    let row = rows.findIndex(end => end < op.call);
    if (row < 0) row = rows.length < 12 ? rows.length : 11;
    rows[row] = op.ret < 0 ? Infinity : op.ret;
    op.row = row;
    run.rowsOf.set(op.client, rows.length);
  }
}

// Likewise what lasts in one lane: partitions, conditions and annotations.
const STACKED = new Set(["cut", "conditions", "annotation"]), MOST_ROWS = 5;
function stackBands(run) {
  run.bandRows = new Map();
  const ends = new Map();
  for (const band of run.bands.filter(b => STACKED.has(b.kind)).sort((a, b) => a.first - b.first)) {
    if (!ends.has(band.node)) ends.set(band.node, []);
    const rows = ends.get(band.node), free = rows.findIndex(end => end <= band.first);
    band.row = free >= 0 ? free : Math.min(rows.length, MOST_ROWS - 1);
    rows[band.row] = band.last < 0 ? Infinity : band.last;
    run.bandRows.set(band.node, rows.length);
  }
}

// What the object of an operation holds before its linearization point and after it; of one that
// cannot come next, what it would have to fit. Null for one that no order reaches.
function statesAround(run, op) {
  const point = run.points.get(op.number);
  if (!point) {
    const part = run.partitions.find(p => p.candidates.some(c => c.op === op.number));
    return part ? { part, rank: 0, before: part.state, after: "" } : null;
  }
  const { part, rank } = point;
  let before = "", after = "";
  for (const span of part.spans) {
    const from = span.op < 0 ? 0 : run.points.get(span.op)?.rank;
    if (from === undefined) continue;
    if (from > rank) break;
    if (from < rank) before = span.text;
    after = span.text;
  }
  return { part, rank, before, after };
}

const runs = { main: readRun(page.run), twin: page.twin ? readRun(page.twin.run) : null };

// What a reader sees now; everything is drawn from this.
const view = {
  run: runs.main,
  name: "main",
  cursor: 0,
  realTime: false,
  from: 0,            // the part of the x axis that is drawn, in events or microseconds
  to: 1,
  client: "", node: "", key: "", kind: "", search: "",
  fold: true,
  axis: [],           // the events that stand on the x axis: all, but for what is folded or filtered
  rank: [0],          // where each event stands among them; those left out stand in between
  shown: [],          // the events of the axis that fit the kind and the search
  tab: "Event",
};

function seconds(us) {
  const negative = us < 0 ? "-" : "";
  const ms = Math.floor((Math.abs(us) + 500) / 1000);
  return `${negative}${Math.floor(ms / 1000)}.${String(ms % 1000).padStart(3, "0")}`;
}

function timeOf(event) {
  return page.kind === "history" ? String(event.time) : seconds(event.time);
}

// The op that an event belongs to, and everything else that does.
function linkedOf(run, event) {
  const rpcs = new Set(), op = event.op;
  if (event.rpc >= 0) rpcs.add(event.rpc);
  if (op >= 0) for (const m of run.ofOp.get(op) ?? []) rpcs.add(m.rpc);
  return { op, rpcs };
}

function isLinked(linked, event) {
  return (linked.op >= 0 && event.op === linked.op)
    || (event.rpc >= 0 && linked.rpcs.has(event.rpc));
}

function sideOf(run, event) {
  const m = event.rpc >= 0 ? run.byRpc.get(event.rpc) : null;
  return m ? [m.source, m.target] : [event.node];
}

// The events that the filters, the search and folding leave.
function chooseEvents() {
  const { run } = view;
  const needle = view.search.toLowerCase();
  const keyed = view.key === "" ? null
    : new Set(run.operations.filter(o => o.key === view.key).map(o => o.number));
  view.axis = [];
  view.shown = [];
  view.rank = new Float64Array(Math.max(1, run.events.length));
  for (const e of run.events) {
    view.rank[e.id] = view.axis.length - 0.5;
    const op = e.op >= 0 ? run.byOp.get(e.op) : null;
    if (view.fold && e.rpc >= 0 && run.byRpc.get(e.rpc)?.repeats) continue;
    if (view.client && op?.client !== view.client) continue;
    if (keyed && e.op >= 0 && !keyed.has(e.op)) continue;
    if (view.node && !sideOf(run, e).includes(view.node)) continue;
    view.rank[e.id] = view.axis.length;
    view.axis.push(e.id);
    if (view.kind && kindOf(e) !== view.kind) continue;
    if (needle && !`${e.node} ${e.text} ${e.level}`.toLowerCase().includes(needle)) continue;
    view.shown.push(e.id);
  }
}

// The position of the first shown event at or after one.
function shownFrom(id) {
  let low = 0, high = view.shown.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (view.shown[middle] < id) low = middle + 1; else high = middle;
  }
  return low;
}

// Whether a filter leaves an operation in the picture.
function showsOperation(op) {
  return (!view.client || op.client === view.client) && (!view.key || op.key === view.key);
}

function showsMessage(m) {
  const op = m.op >= 0 ? view.run.byOp.get(m.op) : null;
  if (view.client && op?.client !== view.client) return false;
  if (view.key && op && op.key !== view.key) return false;
  if (view.node && m.source !== view.node && m.target !== view.node) return false;
  return !view.kind || view.kind === "messages";
}

// -- the state of objects at an instant ----------------------------------------------------------

const replayed = { run: null, at: -2, index: 0, objects: new Map() };

// By "node object": its rows, and those that the event at the cursor changed.
function statesAt(run, cursor) {
  if (replayed.run !== run || cursor < replayed.at) {
    Object.assign(replayed, { run, at: -2, index: 0, objects: new Map() });
  }
  for (const one of replayed.objects.values()) one.changed = new Set();
  while (replayed.index < run.states.length && run.states[replayed.index].event <= cursor) {
    const { event, node, object, rows } = run.states[replayed.index];
    const name = `${node} ${object}`;
    if (!replayed.objects.has(name)) {
      replayed.objects.set(name, { node, object, rows: new Map(), changed: new Set() });
    }
    const one = replayed.objects.get(name);
    for (const [row, text] of Object.entries(rows)) {
      if (text === null) one.rows.delete(row); else one.rows.set(row, text);
      if (event === cursor) one.changed.add(row);
    }
    replayed.index += 1;
  }
  if (replayed.at === cursor) markChanges(run, cursor);
  replayed.at = cursor;
  return replayed.objects;
}

// The cursor has not moved: the changes at it are those of before.
function markChanges(run, cursor) {
  for (let at = replayed.index - 1; at >= 0 && run.states[at].event === cursor; at -= 1) {
    const { node, object, rows } = run.states[at];
    for (const row of Object.keys(rows)) replayed.objects.get(`${node} ${object}`).changed.add(row);
  }
}

// The page: what keys, buttons, the pointer and the address do.

const $ = id => document.getElementById(id);

function moveTo(id, { keep = false } = {}) {
  const { events } = view.run;
  view.cursor = Math.max(0, Math.min(events.length - 1, id));
  if (!keep) {
    reveal(view.cursor);
    revealLane();
  }
  showRow(view.cursor);
  refresh();
  const hash = `#event=${view.cursor}${view.name === "twin" ? "&run=twin" : ""}`;
  try { history.replaceState(null, "", hash); } catch { location.hash = hash; }
}

function refresh() {
  const event = view.run.events[view.cursor];
  const at = shownFrom(view.cursor);
  $("where").textContent = event
    ? `event ${event.id} at ${timeOf(event)}${page.kind === "run" ? " s" : ""} (${Math.min(at + 1, view.shown.length)} of ${view.shown.length})`
    : "no events";
  draw();
  drawList();
  drawPanel();
}

function step(by) {
  const { shown, cursor } = view;
  if (!shown.length) return;
  let at = shownFrom(cursor);
  if (by > 0) at = shown[at] === cursor ? at + by : at + by - 1;
  else at += by;
  moveTo(shown[Math.max(0, Math.min(shown.length - 1, at))]);
}

function goToFailure() {
  if (view.name === "twin" && page.twin) { moveTo(page.twin.first); return; }
  const wrong = view.run.events.find(e => e.wrong);
  moveTo(wrong ? wrong.id : page.focus >= 0 ? page.focus : 0);
}

function applyFilters() {
  const [first, last] = extent(), whole = view.to - view.from > (last - first) * 0.98;
  const before = view.axis;
  chooseEvents();
  size();
  if (before.length !== view.axis.length || before.some((id, at) => id !== view.axis[at])) {
    if (whole) setView(...extent()); else around(view.cursor);
  }
  fillList();
  showRow(view.cursor);
  refresh();
}

function choose(name, value) {
  view[name] = value;
  $(name).value = value;
  applyFilters();
}

function showRun(name) {
  if (view.name === name) return;
  view.name = name;
  view.run = runs[name];
  view.key = view.client = view.node = "";
  fillSelects();
  chooseEvents();
  setView(...extent());
  around(view.cursor);
  drawTabs();
  drawRuns();
  applyFilters();
}

function drawRuns() {
  if (!runs.twin) return;
  const names = { main: "failing run", twin: "passing twin" };
  $("runs").replaceChildren(...Object.entries(names).map(([name, text]) => element("button", {
    type: "button", text, "aria-pressed": String(view.name === name),
    onclick: () => { showRun(name); moveTo(Math.min(page.twin.first, view.run.events.length - 1)); },
  })));
}

function fillSelects() {
  const { run } = view;
  const failing = new Set(run.partitions.filter(p => p.verdict === "illegal").map(p => p.key));
  const options = {
    client: run.clients.map(c => [c, c]),
    node: run.nodes.map(n => [n.name, n.name]),
    key: run.partitions.filter(p => p.key !== "").map(p => [p.key, failing.has(p.key) ? `✗ ${p.key}` : p.key]),
    kind: ["operations", "messages", "faults", "logs", "notes"].map(k => [k, k]),
  };
  for (const [name, values] of Object.entries(options)) {
    $(name).replaceChildren(element("option", { value: "", text: `all ${name}s` }),
      ...values.map(([value, text]) => element("option", { value, text })));
    $(name).value = view[name];
  }
}

function drawHeader() {
  document.title = page.title;
  $("verdict").textContent = page.verdict;
  $("verdict").classList.add(page.verdict);
  $("title").textContent = page.title;
  $("source").textContent = page.source;
  page.sentences.forEach((text, at) => {
    $("sentences").append(element("p", { class: at === 0 && page.verdict === "fail" ? "broken" : "" },
      ...linked(text)));
  });
  if (page.code?.length) $("sentences").children[0].after(codeLines());
  if (page.waiting?.length) {
    $("sentences").append(element("details", { open: "" },
      element("summary", { text: "What is still waiting" }),
      element("pre", { text: page.waiting.join("\n") })));
  }
  for (const number of page.run.partitions.flatMap(p => p.core ?? []).slice(0, 8)) {
    const op = runs.main.byOp.get(number);
    if (!op) continue;
    $("core").append(element("li", {}, element("button", {
      type: "button", onclick: () => { showRun("main"); moveTo(op.call); },
    }, `${op.client}  `, element("bdi", { text: `${op.text} → ${op.ret < 0 ? "no answer" : op.answer}` }))));
  }
  if (page.command) {
    $("command").hidden = false;
    $("again").textContent = page.command;
  }
  for (const [what, all] of [["nodes", runs.main.nodes], ["clients", runs.main.clients]]) {
    const count = all.length - MOST_LANES;
    if (count > 0) {
      $("notes").append(element("p", { text: `${count} of ${all.length} ${what} have no lane in the picture: choose one to see it.` }));
    }
  }
  for (const note of runs.main.notes ?? []) $("notes").append(element("p", { text: note }));
}

// The lines of the code that broke the rule.
function codeLines() {
  return element("pre", { class: "code" }, ...page.code.map(text => element("bdi", { text: `${text}\n` })));
}

function drawLegend() {
  const { run } = view, failing = run.partitions.some(p => p.verdict === "illegal");
  const texts = [
    [run.points.size, "▮1 linearization point, with its place in the order"],
    [run.operations.some(o => o.ambiguous), "hatched: nobody knows whether it happened"],
    [failing, "thick: the operations that cannot be ordered"],
    [failing, "red ✗: impossible next"],
    [run.messages.some(m => m.marks.length), "dashed arrow, × and a word: lost, late, duplicated"],
    [run.bands.some(b => b.kind === "role"), "★ leader of a term"],
    [run.bands.some(b => b.kind === "down"), "✝ crashed"],
    [run.held.length, "bar below a box: the client has the lock"],
    [run.events.some(e => SAYINGS.has(e.kind)), "≡ logged or printed"],
  ].filter(([used]) => used).map(([, text]) => text);
  $("legend").replaceChildren(...texts.map(text => element("span", { text })),
    element("span", {}, element("kbd", { text: "j" }), " ", element("kbd", { text: "k" }), " step  ",
      element("kbd", { text: "+" }), " ", element("kbd", { text: "−" }), " zoom  ",
      element("kbd", { text: "/" }), " search"));
}

// -- playing --------------------------------------------------------------------------------------

let timer = 0;
function play() {
  if (timer) {
    clearInterval(timer);
    timer = 0;
  } else {
    timer = setInterval(() => {
      const before = view.cursor;
      step(1);
      if (view.cursor === before) play();
    }, 450);
  }
  $("play").textContent = timer ? "❚❚ pause" : "▶ play";
  $("play").setAttribute("aria-label", timer ? "Pause" : "Play");
}

// -- the address ----------------------------------------------------------------------------------

function fromAddress() {
  const asked = new URLSearchParams(location.hash.slice(1));
  const event = asked.get("event"), op = asked.get("op");
  if (asked.get("run") === "twin" && runs.twin) showRun("twin");
  if (event !== null && /^\d+$/.test(event)) return Number(event);
  if (op !== null && view.run.byOp.has(Number(op))) return view.run.byOp.get(Number(op)).call;
  return null;
}

// -- the pointer ----------------------------------------------------------------------------------

function hitAt(x, y) {
  for (let at = hits.length - 1; at >= 0; at -= 1) {
    const hit = hits[at];
    if (x >= hit.x && x <= hit.x + hit.w && y >= hit.y && y <= hit.y + hit.h) return hit;
  }
  return null;
}

// A card about what the pointer is at: of an operation, when it was, and its place in the order.
function cardOf(hit) {
  if (hit.op) {
    return [element("b", {}, `${hit.op.client} `, element("bdi", { text: operationName(hit.op) })),
      factRows(operationFacts(view.run, hit.op))];
  }
  if (hit.message) {
    const m = hit.message;
    return [`#${m.rpc} ${m.method}(${m.request})\n${m.marks.join(", ") || m.reply || m.fate}`];
  }
  if (hit.band) return [`${hit.band.node}: ${hit.band.text}${hit.band.details ? `\n${hit.band.details}` : ""}`];
  return [`event ${hit.event.id}, ${hit.event.node}: ${hit.event.text}`];
}

let drag = null;
canvas.addEventListener("pointerdown", e => {
  drag = { x: e.offsetX, from: view.from, to: view.to, moved: false };
  canvas.setPointerCapture(e.pointerId);
});
canvas.addEventListener("pointermove", e => {
  if (drag) {
    const shift = (drag.x - e.offsetX) / (width - GUTTER) * (drag.to - drag.from);
    if (Math.abs(drag.x - e.offsetX) > 3) drag.moved = true;
    if (drag.moved) { setView(drag.from + shift, drag.to + shift); draw(); }
    return;
  }
  const hit = hitAt(e.offsetX, e.offsetY), tip = $("tip");
  tip.hidden = !hit;
  if (!hit) return;
  tip.replaceChildren(...cardOf(hit));
  const { offsetWidth: w, offsetHeight: h } = tip;
  tip.style.left = `${Math.max(4, Math.min(e.clientX + 14, window.innerWidth - w - 4))}px`;
  tip.style.top = `${e.clientY + 14 + h < window.innerHeight ? e.clientY + 14 : Math.max(4, e.clientY - h - 10)}px`;
});
canvas.addEventListener("pointerleave", () => { $("tip").hidden = true; });
canvas.addEventListener("pointerup", e => {
  const moved = drag?.moved;
  drag = null;
  if (moved) return;
  const hit = hitAt(e.offsetX, e.offsetY);
  if (hit?.op) moveTo(hit.op.call, { keep: true });
  else if (hit?.message) moveTo(hit.message.sent, { keep: true });
  else if (hit?.event) moveTo(hit.event.id, { keep: true });
  else if (e.offsetX > GUTTER) moveTo(Math.round(positionAt(e.offsetX)), { keep: true });
});
canvas.addEventListener("wheel", e => {
  if (e.ctrlKey || e.metaKey || e.altKey) {
    e.preventDefault();
    const at = view.from + (e.offsetX - GUTTER) / (width - GUTTER - 8) * (view.to - view.from);
    zoom(e.deltaY > 0 ? 1.25 : 0.8, at);
  } else if (e.shiftKey || Math.abs(e.deltaX) > Math.abs(e.deltaY)) {
    e.preventDefault();
    pan((e.deltaX || e.deltaY) / (width - GUTTER));
  }
}, { passive: false });
overview.addEventListener("pointerdown", e => {
  const [first, last] = extent(), at = first + e.offsetX / overview.clientWidth * (last - first);
  const span = view.to - view.from;
  setView(at - span / 2, at + span / 2);
  draw();
});

// -- keys and buttons -----------------------------------------------------------------------------

const KEYS = {
  j: () => step(1), ArrowRight: () => step(1), ArrowDown: () => step(1),
  k: () => step(-1), ArrowLeft: () => step(-1), ArrowUp: () => step(-1),
  J: () => step(10), K: () => step(-10), PageDown: () => step(10), PageUp: () => step(-10),
  Home: () => moveTo(view.shown[0] ?? 0), End: () => moveTo(view.shown.at(-1) ?? 0),
  f: goToFailure, " ": play, "+": () => zoom(0.7), "=": () => zoom(0.7), "-": () => zoom(1.4),
  0: fit, h: () => pan(-0.3), l: () => pan(0.3), t: () => switchMode(),
  "/": () => $("search").focus(), n: () => step(1), N: () => step(-1),
};

document.addEventListener("keydown", e => {
  const inField = /^(INPUT|SELECT|TEXTAREA)$/.test(e.target.tagName);
  if (inField) {
    if (e.key === "Escape" || (e.key === "Enter" && e.target.id === "search")) {
      if (e.key === "Enter" && view.shown.length) moveTo(view.shown[shownFrom(view.cursor) % view.shown.length]);
      e.target.blur();
    }
    return;
  }
  const onButton = e.target.tagName === "BUTTON" && (e.key === " " || e.key === "Enter");
  if (onButton || e.ctrlKey || e.metaKey || e.altKey || !(e.key in KEYS)) return;
  e.preventDefault();
  KEYS[e.key]();
});

function switchMode() {
  const share = (axisOf(view.cursor) - view.from) / (view.to - view.from);
  const zoomed = view.to - view.from < (extent()[1] - extent()[0]) * 0.98;
  view.realTime = !view.realTime;
  showMode();
  if (zoomed) around(view.cursor); else setView(...extent());
  if (share < 0 || share > 1) reveal(view.cursor);
  draw();
}

function showMode() {
  $("mode").textContent = view.realTime ? "x: real time" : "x: event order";
  $("mode").setAttribute("aria-pressed", String(view.realTime));
}

function theme() {
  const dark = document.documentElement.dataset.theme
    ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  document.documentElement.dataset.theme = dark === "dark" ? "light" : "dark";
  readColours();
  refresh();
}

// On a narrow window the filters would push the picture out of sight.
function showFilters() {
  const shown = $("filters").classList.toggle("shown");
  $("narrow").setAttribute("aria-expanded", String(shown));
}

function listen() {
  const clicks = { first: () => moveTo(view.shown[0] ?? 0), previous: () => step(-1), next: () => step(1),
    play, failure: goToFailure, mode: switchMode, in: () => zoom(0.6), out: () => zoom(1.6), fit, theme, narrow: showFilters };
  for (const [id, action] of Object.entries(clicks)) $(id).addEventListener("click", action);
  for (const name of ["client", "node", "key", "kind"]) {
    $(name).addEventListener("change", e => choose(name, e.target.value));
  }
  $("search").addEventListener("input", e => { view.search = e.target.value; applyFilters(); });
  $("fold").addEventListener("click", () => {
    view.fold = !view.fold;
    $("fold").setAttribute("aria-pressed", String(view.fold));
    applyFilters();
  });
  $("copy").addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(page.command);
      $("copy").textContent = "Copied";
    } catch {
      getSelection().selectAllChildren($("again"));
      $("copy").textContent = "Selected: press Ctrl-C";
    }
  });
  window.addEventListener("resize", () => { size(); refresh(); });
  window.addEventListener("hashchange", () => { const id = fromAddress(); if (id !== null) moveTo(id); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { readColours(); draw(); });
}

readColours();
drawHeader();
drawLegend();
fillSelects();
showMode();
drawRuns();
drawTabs();
if (page.verdict === "pass") $("failure").hidden = true;
if (page.kind === "history" || !runs.main.messages.some(m => m.again)) $("fold").hidden = true;
// Of a history that fails, the key that does is looked at first.
if (view.run.partitions[0]?.verdict === "illegal"
  && view.run.partitions[0].operations.length < view.run.operations.length) {
  view.key = view.run.partitions[0].key;
  $("key").value = view.key;
}
for (const [name, used] of Object.entries({ client: view.run.clients.length, node: view.run.nodes.length,
  key: view.run.partitions.filter(p => p.key !== "").length })) {
  if (!used) $(name).hidden = true;
}
listen();
chooseEvents();
size();
const asked = fromAddress();
view.cursor = Math.max(0, Math.min(view.run.events.length - 1, asked ?? Math.max(page.focus, 0)));
setView(...extent());
around(view.cursor);
fillList();
moveTo(view.cursor);

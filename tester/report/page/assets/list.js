// The list of events: only the rows in sight exist, however long the run is.

const list = document.getElementById("list");
const HIGH = 24;
const MOST_PIXELS = 12_000_000;  // browsers draw nothing beyond some height
const spacer = document.createElement("div");
const rows = document.createElement("div");
rows.className = "rows";
list.append(spacer, rows);

function element(tag, options = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(options)) {
    if (name === "class") made.className = value;
    else if (name === "text") made.textContent = value;
    else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

function fillList() {
  spacer.style.height = `${Math.min(view.shown.length * HIGH, MOST_PIXELS)}px`;
  drawList();
}

function drawList() {
  const { run, shown } = view;
  const first = Math.max(0, Math.floor(list.scrollTop / HIGH) - 4);
  const last = Math.min(shown.length, first + Math.ceil(list.clientHeight / HIGH) + 9);
  const linked = linkedOf(run, run.events[view.cursor] ?? { op: -1, rpc: -1 });
  const made = [];
  for (let at = first; at < last; at += 1) made.push(rowOf(run.events[shown[at]], linked, at));
  rows.style.top = `${first * HIGH}px`;
  rows.replaceChildren(...made);
  const current = rows.querySelector(".current");
  if (current) list.setAttribute("aria-activedescendant", current.id);
  else list.removeAttribute("aria-activedescendant");
  if (!shown.length) rows.append(element("p", { class: "quiet panel", text: "No event fits these filters." }));
}

function rowOf(event, linked, at) {
  const m = event.rpc >= 0 ? view.run.byRpc.get(event.rpc) : null;
  const current = event.id === view.cursor;
  const names = ["row", kindOf(event) === "messages" ? "message" : "", current ? "current" : "",
    isLinked(linked, event) ? "linked" : "", event.wrong ? "wrong" : event.cause ? "cause" : "",
    kindOf(event) === "faults" || m?.marks.length ? "fault" : ""];
  const sign = event.wrong ? "> " : event.cause ? "~ " : SIGNS[event.kind] ? `${SIGNS[event.kind]} ` : "";
  const again = view.fold && m?.again && event.kind === "send" ? `  (×${m.again + 1})` : "";
  const level = event.level ? `${event.level} ` : event.kind === "print" ? "print: " : "";
  const what = element("span", { class: "what", title: event.text },
    sign + level, element("bdi", { text: event.text }));
  if (again) what.append(element("span", { class: "times", text: again }));
  return element("div", {
    class: names.filter(Boolean).join(" "), role: "option", id: `row-${event.id}`,
    "aria-selected": String(current), "aria-setsize": view.shown.length, "aria-posinset": at + 1,
    "data-event": event.id,
  }, element("span", { class: "id", text: String(event.id) }),
  element("span", { class: "time", text: timeOf(event) }),
  element("span", { class: "who" }, element("bdi", { text: event.node })), what);
}

function showRow(id) {
  const at = shownFrom(id), top = at * HIGH;
  if (top < list.scrollTop + HIGH) list.scrollTop = Math.max(0, top - 3 * HIGH);
  else if (top > list.scrollTop + list.clientHeight - 2 * HIGH) {
    list.scrollTop = top - list.clientHeight + 4 * HIGH;
  }
}

list.addEventListener("scroll", () => requestAnimationFrame(drawList));
list.addEventListener("click", e => {
  const row = e.target.closest(".row");
  if (row) moveTo(Number(row.dataset.event));
});

// The panels beside the picture: the event, the state of each node, keys, Raft, disks, the twin.

const panel = document.getElementById("panel");
const tabs = document.querySelector(".tabs");

const PANELS = {
  Event: eventPanel,
  State: statePanel,
  Keys: keysPanel,
  Raft: raftPanel,
  Disks: disksPanel,
  Twin: twinPanel,
  Story: () => [element("pre", { text: page.story })],
};

function panelNames() {
  const { run } = view;
  const has = {
    Event: true,
    State: run.states.length > 0,
    Keys: run.partitions.length > 0,
    Raft: run.elections.length > 0 || run.bands.some(b => b.kind === "role"),
    Disks: run.disks.length > 0,
    Twin: page.twin !== undefined && page.twin !== null,
    Story: page.story !== "",
  };
  return Object.keys(PANELS).filter(name => has[name]);
}

function drawTabs() {
  const names = panelNames();
  if (!names.includes(view.tab)) view.tab = names[0];
  tabs.replaceChildren(...names.map(name => element("button", {
    type: "button", role: "tab", text: name, id: `tab-${name}`, "aria-controls": "panel",
    "aria-selected": String(name === view.tab), tabindex: name === view.tab ? "0" : "-1",
    onclick: () => { view.tab = name; drawTabs(); drawPanel(); },
  })));
  panel.setAttribute("aria-labelledby", `tab-${view.tab}`);
}

tabs.addEventListener("keydown", e => {
  if (e.key !== "ArrowRight" && e.key !== "ArrowLeft") return;
  const names = panelNames(), step = e.key === "ArrowRight" ? 1 : names.length - 1;
  view.tab = names[(names.indexOf(view.tab) + step) % names.length];
  drawTabs();
  drawPanel();
  document.getElementById(`tab-${view.tab}`).focus();
  e.stopPropagation();
  e.preventDefault();
});

function drawPanel() {
  panel.replaceChildren(...PANELS[view.tab]().filter(Boolean));
}

function table(head, body) {
  const made = element("table");
  if (head.length) {
    made.append(element("thead", {}, element("tr", {},
      ...head.map(text => element("th", { text, scope: "col" })))));
  }
  made.append(element("tbody", {}, ...body));
  return made;
}

function cells(...parts) {
  return parts.map(part => element("td", {}, typeof part === "string"
    ? element("bdi", { text: part }) : part));
}

function link(text, id) {
  return element("button", { type: "button", class: "link", text, onclick: () => moveTo(id) });
}

// A text in which the number of each message leads to it.
function linked(text) {
  return text.split(/(#\d+)/).map(part => {
    const m = /^#\d+$/.test(part) ? runs.main.byRpc.get(Number(part.slice(1))) : null;
    if (!m) return element("bdi", { text: part });
    const at = [m.answers[0], m.arrivals[0], m.sent].find(id => id !== undefined && id >= 0);
    return at === undefined ? part : element("button", {
      type: "button", class: "link", text: part, title: `${m.method}(${m.request})`,
      onclick: () => { showRun("main"); moveTo(at); },
    });
  });
}

// -- the event at the cursor ----------------------------------------------------------------------

function eventPanel() {
  const { run } = view, event = run.events[view.cursor];
  if (!event) return [element("p", { text: "Nothing happened." })];
  const made = [
    element("h2", { text: `Event ${event.id} at ${timeOf(event)}${page.kind === "run" ? " s" : ""}` }),
    element("p", { class: event.wrong ? "broken" : "" },
      element("b", { text: `${event.node}: ` }), element("bdi", { text: event.text })),
  ];
  if (event.wrong) {
    made.push(element("p", {}, ...linked(page.sentences[0] ?? "")));
    if (page.code?.length) made.push(element("h3", { text: "In the code" }), codeLines());
  }
  const op = run.byOp.get(event.op), m = run.byRpc.get(event.rpc);
  if (m) made.push(...messageParts(run, m));
  if (op) made.push(...operationParts(run, op));
  return made;
}

function messageParts(run, m) {
  const marks = m.marks.length ? m.marks.join(", ") : m.fate || "on its way";
  const body = [
    ["request", `${m.method}(${m.request})`],
    ["between", `${m.source} → ${m.target || "nobody"}`],
    ["fate", marks],
  ];
  if (m.reply) body.push(["reply", m.reply]);
  if (m.again) body.push(["repeated", `${m.again} times more, with the same outcome`]);
  const steps = [["sent", m.sent], ["held back", m.held], ...m.arrivals.map(a => ["arrives", a]),
    ...m.answers.map(a => ["answered", a]), ["caller knows", m.ended]].filter(([, at]) => at >= 0);
  return [
    element("h3", { text: `Message #${m.rpc}` }),
    table([], body.map(([name, what]) => element("tr", {}, element("th", { text: name, scope: "row" }),
      ...cells(what)))),
    element("p", { class: "steps" }, ...steps.map(([name, at]) => link(`${name}: event ${at}`, at))),
    ...entryParts(run, run.entries.filter(e => e.rpc === m.rpc)),
  ];
}

// The entries of a replicated log that requests became, and what each server has there now.
function entryParts(run, entries) {
  return entries.flatMap(one => {
    const holders = [...statesAt(run, view.cursor).values()].flatMap(server => {
      const text = server.rows.get(`log[${one.index}]`);
      if (text === undefined) return [];
      const commit = Number(field(server, "commit", "commitindex"));
      const same = text.split(" ")[0] === String(one.term);
      return [`${server.node}${!same ? ` has another (term ${text.split(" ")[0]})`
        : commit >= one.index ? ": committed" : ""}`];
    });
    return [
      element("h3", { text: "Its log entry" }),
      element("p", {}, link(`entry ${one.index} of term ${one.term}, at ${one.node}: event ${one.event}`,
        one.event)),
      holders.length ? element("p", { text: `In the logs now: ${holders.join(", ")}.` }) : null,
    ].filter(Boolean);
  });
}

// What is known of an operation, by name: the card over it, and the table in the panel.
function operationFacts(run, op) {
  const unit = page.kind === "run" ? " s" : "", around = statesAround(run, op);
  const at = (us, event) => `${page.kind === "history" ? us : seconds(us)}${unit}, event ${event}`;
  const facts = [["called", at(op.call_us, op.call)],
    ["answered", op.ret < 0 ? "never: it is open" : at(op.ret_us, op.ret)]];
  if (op.line) facts.push(["in the file", `line ${op.line}`]);
  if (op.key) facts.push(["key", op.key]);
  const part = around?.part ?? run.partitions.find(p => p.operations.includes(op.number));
  if (part) facts.push(["in the order", placeInOrder(part, around?.rank)]);
  if (around) {
    facts.push(["held before", around.before]);
    if (around.rank) {
      facts.push(["held after", around.after === around.before ? "the same" : around.after]);
    }
  }
  if (op.fate) facts.push(["ambiguous", `it ${op.fate}`]);
  const why = run.why.get(op.number);
  if (why) facts.push(["✗ cannot come next", why]);
  return facts;
}

function placeInOrder({ verdict, order, operations }, rank) {
  if (verdict === "undecided") return "not known";
  if (verdict === "ok") {
    return rank ? `number ${rank} of ${order.length}` : "nowhere: it need not have happened";
  }
  const whole = `the longest legal order, which has ${order.length} of ${operations.length} operations`;
  return rank ? `number ${rank} of ${whole}` : `not in ${whole}`;
}

function operationName(op) {
  return `${op.text} → ${op.ret < 0 ? "no answer" : op.answer}`;
}

function factRows(facts) {
  const made = table([], facts.map(([name, text]) => element("tr", {},
    element("th", { text: name, scope: "row" }), ...cells(text))));
  made.className = "facts";
  return made;
}

function operationParts(run, op) {
  const made = [
    element("h3", { text: `Operation of ${op.client}` }),
    element("p", { class: "mono" }, element("bdi", { text: operationName(op) })),
    element("p", { class: "steps" }, link(`called: event ${op.call}`, op.call),
      ...(op.ret >= 0 ? [link(`answered: event ${op.ret}`, op.ret)] : [])),
    factRows(operationFacts(run, op).filter(([name]) => !name.startsWith("✗"))),
  ];
  const why = run.why.get(op.number);
  if (why) made.push(element("p", { class: "broken", text: `It cannot come next: ${why}.` }));
  const sent = run.ofOp.get(op.number) ?? [];
  if (sent.length) {
    made.push(element("h3", { text: sent.length === 1 ? "Its message" : `Its ${sent.length} messages` }));
    const first = m => (isCited(m) || m.marks.length ? 0 : 1);
    const order = [...sent].sort((a, b) => first(a) - first(b) || a.rpc - b.rpc);
    made.push(table([], order.slice(0, 50).map(m => element("tr", {},
      element("td", {}, link(`#${m.rpc}`, m.sent)),
      ...cells(`${m.method} → ${m.target}`, m.marks.join(", ") || m.reply)))));
  }
  const { rpc } = run.events[view.cursor];
  made.push(...entryParts(run, run.entries.filter(e => e.op === op.number && e.rpc !== rpc)));
  return made;
}

// -- the state of the nodes -----------------------------------------------------------------------

function statePanel() {
  const objects = [...statesAt(view.run, view.cursor).values()].filter(o => o.rows.size);
  const chosen = objects.filter(o => !view.node || o.node === view.node);
  const changed = chosen.filter(o => o.changed.size);
  const order = [...changed, ...chosen.filter(o => !o.changed.size)];
  if (!order.length) return [element("p", { class: "quiet", text: "No object exists yet." })];
  return order.slice(0, 40).flatMap(one => [
    element("h3", { text: one.object.startsWith(one.node) ? one.object : `${one.node}: ${one.object}` }),
    table([], [...one.rows].map(([name, text]) => element("tr", {
      class: one.changed.has(name) ? "changed" : "",
    }, element("th", { scope: "row" }, element("bdi", { text: name })),
    ...cells(one.changed.has(name) ? `● ${text}` : text)))),
  ]);
}

// -- keys -----------------------------------------------------------------------------------------

function keysPanel() {
  const words = { illegal: "not linearizable", ok: "linearizable", undecided: "not decided" };
  const made = [element("h2", { text: "Keys, failing first" }),
    table(["key", "verdict", "operations"], view.run.partitions.slice(0, 300).map(part =>
      element("tr", {}, element("td", {}, element("button", {
        type: "button", class: "link", text: part.key === "" ? "the object" : part.key,
        onclick: () => { choose("key", part.key); },
      })), element("td", { class: `verdict-${part.verdict}`, text: words[part.verdict] }),
      element("td", { class: "number", text: String(part.operations.length) }))))];
  for (const part of view.run.partitions.filter(p => p.verdict === "illegal").slice(0, 5)) {
    made.push(...whyParts(part));
  }
  return made;
}

function whyParts(part) {
  const { run } = view;
  const title = part.key === "" ? "Why it is not linearizable" : `Why key ${part.key} is not`;
  return [
    element("h3", { text: title }),
    element("p", { class: "broken" }, ...linked(part.why)),
    part.missing ? element("p", {}, element("bdi", { text: `${capital(part.missing)}.` })) : null,
    element("p", {}, `The longest legal order has ${part.order.length} of its ${part.operations.length} `
      + "operations; after it the object holds ", element("bdi", { class: "mono", text: part.state }),
    part.candidates.length ? ". None of these can be next:" : "."),
    table(["next", "impossible, for"], part.candidates.map(c => {
      const op = run.byOp.get(c.op);
      const name = op ? `${op.client} ${op.text} → ${op.ret < 0 ? "no answer" : op.answer}` : `#${c.op}`;
      return element("tr", {}, element("td", {}, op ? link(name, op.call) : name), ...cells(c.why));
    })),
  ];
}

function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

// -- Raft -----------------------------------------------------------------------------------------

function raftPanel() {
  const { run, cursor } = view;
  const made = [element("h2", { text: "Servers" })];
  const objects = [...statesAt(run, cursor).values()].sort((a, b) => byName(a.node, b.node));
  for (const one of objects) {
    const log = [...one.rows].filter(([name]) => name.startsWith("log["));
    const role = field(one, "role", "state", "status");
    if (!log.length && !role) continue;
    made.push(...serverParts(one, log, role));
  }
  const voted = run.elections.filter(e => e.start <= cursor);
  made.push(element("h2", { text: "Elections, latest first" }));
  for (const e of voted.slice(-8).reverse()) made.push(tally(e, cursor));
  if (!voted.length) made.push(element("p", { class: "quiet", text: "Nobody has asked for a vote yet." }));
  return made;
}

function field(one, ...names) {
  for (const [name, text] of one.rows) {
    const bare = name.split(".").at(-1).replaceAll("_", "").toLowerCase();
    if (names.includes(bare)) return text;
  }
  return "";
}

function serverParts(one, log, role) {
  const commit = Number(field(one, "commit", "commitindex"));
  const applied = field(one, "applied", "lastapplied");
  const base = field(one, "base", "snapshotindex", "lastincludedindex");
  const term = field(one, "term", "currentterm");
  const says = [`term ${term || "?"}`, (role ?? "").replaceAll("'", ""),
    `commit ${Number.isNaN(commit) ? "?" : commit}`, applied ? `applied ${applied}` : ""];
  const strip = element("div", { class: "strip", tabindex: "0", role: "group",
    "aria-label": `The log of ${one.node}` });
  if (base && base !== "0") strip.append(element("span", { class: "base", text: `snapshot ≤ ${base}` }));
  for (const [name, text] of log) {
    strip.append(logCell(Number(name.slice(4, -1)), text, commit, one.changed.has(name)));
  }
  if (!log.length) strip.append(element("span", { class: "quiet", text: "empty log" }));
  return [element("h3", { text: `${one.node}: ${says.filter(Boolean).join(", ")}` }), strip];
}

// A cell of a log; of an entry that is known to be an operation's, a button that leads there.
function logCell(index, text, commit, isNew) {
  const { run, cursor } = view, [term, ...command] = text.split(" ");
  const entry = run.entryAt.get(`${index} ${term}`), op = entry && run.byOp.get(entry.op);
  const said = op ? op.text : command.join(" "), here = run.events[cursor]?.op;
  const names = ["cell", index <= commit ? "committed" : "", isNew ? "new" : "",
    op && op.number === here ? "linked" : ""];
  const cell = element(op ? "button" : "span", {
    class: names.filter(Boolean).join(" "),
    title: `index ${index}, term ${term}: ${said}${index <= commit ? " (committed)" : ""}`,
    ...op ? { type: "button", onclick: () => moveTo(op.call) } : {},
  }, `${index} `, element("b", { text: `t${term}` }), element("br"),
  element("bdi", { text: said || "·" }));
  cell.style.setProperty("--cell", termColour(Number(term)));
  return cell;
}

function tally(election, cursor) {
  const heard = election.votes.filter(v => v.event <= cursor);
  const yes = heard.filter(v => v.granted).map(v => v.voter);
  const no = heard.filter(v => !v.granted).map(v => v.voter);
  const won = new Set(yes).size >= election.needed;
  const line_ = "●".repeat(new Set(yes).size)
    + "○".repeat(Math.max(0, election.needed - new Set(yes).size));
  return element("p", { class: "tally" },
    link(`${election.node}, term ${election.term}`, election.start),
    ` ${line_} ${new Set(yes).size} of ${election.needed} needed`,
    element("span", { class: won ? "won" : "", text: won ? ", a majority" : "" }),
    ` (${yes.join(", ") || "none"}${no.length ? `; refused by ${no.join(", ")}` : ""})`);
}

// -- disks ----------------------------------------------------------------------------------------

function disksPanel() {
  const { run, cursor } = view;
  const made = [element("h2", { text: "Disks at crashes and restarts" })];
  const past = run.disks.filter(d => d.event <= cursor && (!view.node || d.node === view.node));
  const told = { crash: "when it crashed", stop: "when it was stopped",
    "disk loss": "after the disk lost writes", restart: "when it restarted" };
  for (const d of past.slice(-12).reverse()) {
    const files = Object.entries(d.files);
    const before = run.disks.filter(o => o.node === d.node && o.event <= d.event && o !== d).at(-1);
    made.push(element("h3", {}, link(`${d.node} ${told[d.when]}`, d.event)));
    made.push(files.length ? table([], files.map(([name, text]) => element("tr", {
      class: before && before.files[name] !== text ? "changed" : "",
    }, element("th", { text: name, scope: "row" }), ...cells(text))))
      : element("p", { class: "quiet", text: "nothing" }));
  }
  if (!past.length) made.push(element("p", { class: "quiet", text: "No node has crashed yet." }));
  return made;
}

// -- the twin -------------------------------------------------------------------------------------

function twinPanel() {
  const { first, flipped } = page.twin, start = Math.max(0, first - 3);
  const made = [];
  for (let at = start; at < first + 60; at += 1) {
    const left = runs.main.events[at], right = runs.twin.events[at];
    if (!left && !right) break;
    const differs = at >= first && (left?.text !== right?.text || left?.node !== right?.node);
    for (const [name, e] of [["main", left], ["twin", right]]) {
      made.push(element("div", { class: differs ? "differs" : "" }, e ? element("button", {
        type: "button", class: "link", text: `${timeOf(e)} ${e.node} ${e.text}`,
        onclick: () => { showRun(name); moveTo(e.id); },
      }) : ""));
    }
  }
  return [
    element("h2", { text: "The nearest run that passes" }),
    element("p", { class: "broken", text: `Without ${flipped} it passes.` }),
    element("p", { class: "quiet", text: `Both are the same up to event ${first}.` }),
    element("div", { class: "twins" }, element("b", { text: "this run fails" }),
      element("b", { text: "the twin passes" }), ...made),
  ];
}

"use strict";

const at = (id) => document.getElementById(id);
const tasks = new TaskList(at("list"), at("rows"), openTask);
// The servers, their samples and their holds, as they were told last.
const facts = { servers: [], samples: {}, held: [] };
const MOST_OUTPUT = 400000;
let following = null;
let searching = 0;

// Calls an address of this page. A failure is shown, and gives null.
async function call(path, body) {
  const request = body === undefined ? {} : {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body),
  };
  try {
    const response = await fetch(path, request);
    const text = await response.text();
    if (!response.ok) throw new Error(problemOf(text));
    complain("");
    return JSON.parse(text);
  } catch (error) {
    complain(error.message);
    return null;
  }
}

function problemOf(text) {
  try {
    const { problem } = JSON.parse(text);
    try {
      return JSON.parse(problem).message;
    } catch {
      return problem;
    }
  } catch {
    return text;
  }
}

function complain(text) {
  at("problem").textContent = text;
  at("problem").hidden = !text;
}

async function readAll() {
  const state = await call("/api/state");
  if (!state) return;
  tasks.replace(state.tasks);
  Object.assign(facts, { servers: state.servers, samples: state.samples, held: state.held });
  showServers();
  showHeld();
  showQuestions(state.questions);
  searchTrail();
}

function connect() {
  const events = new EventSource("/api/events");
  const on = (name, take) => events.addEventListener(name, (event) => take(JSON.parse(event.data)));
  events.onopen = () => {
    at("link").textContent = "live";
    readAll();
  };
  events.onerror = () => { at("link").textContent = "not connected: does `web` still run?"; };
  on("behind", readAll);
  on("tasks", (change) => tasks.change(change));
  on("questions", showQuestions);
  on("servers", (servers) => { facts.servers = servers; showServers(); });
  on("held", (held) => { facts.held = held; showHeld(); showServers(); });
  on("samples", (samples) => { Object.assign(facts.samples, samples); showServers(); });
  on("trail", () => searchTrail());
}

// Servers

function showServers() {
  at("servers").replaceChildren(...facts.servers.map(serverCard));
}

function serverCard({ alias, endpoint, tags, readonly }) {
  const samples = facts.samples[alias];
  const held = facts.held.find((hold) => hold.alias === alias);
  const state = held ? "held" : samples?.problem ? "no answer" : samples ? "answers" : "not asked";
  const card = element("li", {},
    element("strong", { textContent: alias }), " ",
    element("span", { className: held || samples?.problem ? "failed" : "faint", textContent: state }),
    element("small", { textContent: [endpoint, ...tags.map((tag) => `#${tag}`), readonly ? "read-only" : ""].filter(Boolean).join("  ") }));
  if (samples?.problem) card.append(element("small", { textContent: samples.problem }));
  if (samples?.points.length) card.append(sparks(samples));
  if (!held) {
    const stop = element("button", { type: "button", textContent: "Stop", ariaLabel: `Stop everything on ${alias}` });
    stop.addEventListener("click", () => hold(alias));
    card.append(stop);
  }
  return card;
}

function sparks({ points, cores }) {
  const line = (column, most, name, unit) => {
    const last = points.at(-1)[column];
    if (last === null) return null;
    const high = last >= most * 0.9;
    const told = `${name} ${Number(last.toFixed(2))}${unit}`;
    return element("div", { className: high ? "high" : "" },
      spark(points, column, most, told), element("small", { textContent: told }));
  };
  return element("div", { className: "sparks" },
    line(1, cores ?? 1, "load", ""), line(2, 100, "memory", " %"), line(3, 100, "disk", " %"));
}

function spark(points, column, most, told) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 100 28");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", `${told}; the last day`);
  const top = Math.max(most, ...points.map((point) => point[column] ?? 0));
  const end = Date.now() / 1000, begin = end - 86400;
  const place = (point) => `${((point[0] - begin) / 864).toFixed(1)},${(27 - 26 * (point[column] ?? 0) / top).toFixed(1)}`;
  const line = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
  line.setAttribute("points", points.map(place).join(" "));
  svg.append(line);
  return svg;
}

// The red button

function showHeld() {
  const all = facts.held.some((hold) => hold.alias === null);
  at("stop").hidden = all;
  at("held").hidden = !facts.held.length;
  at("held").replaceChildren(...facts.held.map(({ alias, by, since }) => {
    const what = alias === null ? "Everything" : `Server ${alias}`;
    const release = element("button", { type: "button", textContent: "Let it go on" });
    release.addEventListener("click", () => {
      if (confirm(`${what}: let new work begin again?`)) call("/api/held", { alias, held: false });
    });
    return element("div", {}, element("span", { textContent: `${what} is held by ${by}, since ${ago(since)}: nothing new begins.` }), release);
  }));
}

function hold(alias) {
  const what = alias === null ? "Stop all tasks on all servers" : `Stop all tasks on ${alias}`;
  if (confirm(`${what}, and let nothing new begin?`)) call("/api/held", { alias, held: true });
}

// Questions

function showQuestions(questions) {
  const focused = document.activeElement?.closest(".question")?.dataset.id;
  at("questions-section").hidden = !questions.length;
  const known = new Map([...at("questions").children].map((card) => [card.dataset.id, card]));
  at("questions").replaceChildren(...questions.map((question) => known.get(question.id) ?? questionCard(question)));
  document.title = questions.length ? `(${questions.length}) Orchestrator` : "Orchestrator";
  if (focused) at("questions").querySelector(`[data-id="${CSS.escape(focused)}"]`)?.focus();
}

function questionCard(question) {
  const facts = [["servers", question.servers.join(", ")], ["tool", question.tool], ["rule", question.rule],
    ["reason", question.reason], ["asked by", question.askedBy],
    ["open until", new Date(question.expiresAt).toLocaleTimeString()]];
  const button = (yes) => {
    const made = element("button", { type: "button", className: yes ? "yes" : "danger", textContent: yes ? "Yes (y)" : "No (n)" });
    made.addEventListener("click", () => answer(question.id, yes));
    return made;
  };
  const card = element("article", { className: "question", tabIndex: 0, ariaLabel: question.text },
    element("p", {}, element("strong", { textContent: question.text })),
    question.details ? element("pre", {}, ...diffLines(question.details)) : null,
    list(facts),
    element("div", { className: "buttons" }, button(true), button(false)));
  card.dataset.id = question.id;
  return card;
}

function diffLines(text) {
  return text.split("\n").map((line) => {
    const kind = /^\+(?!\+\+)/.test(line) ? "ins" : /^-(?!--)/.test(line) ? "del" : "span";
    return element(kind, { textContent: `${line}\n` });
  });
}

function list(pairs) {
  const told = pairs.filter(([, text]) => text !== null && text !== undefined && text !== "");
  return element("dl", {}, ...told.flatMap(([name, text]) =>
    [element("dt", { textContent: name }), element("dd", { textContent: text })]));
}

async function answer(id, yes) {
  await call(`/api/questions/${encodeURIComponent(id)}`, { yes });
}

// One task

async function openTask(id) {
  closeTask();
  tasks.selected = id;
  tasks.paint();
  at("task").hidden = false;
  at("task-title").textContent = `Task ${id}`;
  at("task").scrollIntoView({ block: "nearest" });
  await showFacts(id);
  follow(id);
}

async function showFacts(id) {
  const told = await call(`/api/tasks/${encodeURIComponent(id)}`);
  if (!told || tasks.selected !== id) return;
  const { task, record } = told;
  const live = task.status === "running" || task.status === "pending";
  at("cancel").hidden = !live;
  const actor = record.actor ? [record.actor.name ?? record.actor.user, record.actor.client].filter(Boolean).join(", ") : "";
  at("facts").replaceChildren(...list([["status", task.status], ["server", task.alias], ["tool", task.tool],
    ["command", task.command], ["exit status", task.exitCode], ["reason", record.reason], ["by", actor],
    ["begun", `${new Date(task.createdAt).toLocaleString()} (${ago(task.createdAt)} ago)`],
    ["took", task.duration === undefined ? null : `${task.duration} ms`], ["error", task.error]]).children);
}

function follow(id) {
  const output = at("output");
  output.replaceChildren();
  const events = new EventSource(`/api/tasks/${encodeURIComponent(id)}/output`);
  following = events;
  events.addEventListener("output", (event) => {
    const atEnd = output.scrollHeight - output.scrollTop - output.clientHeight < 40;
    for (const { stream, text, isCut } of JSON.parse(event.data)) {
      if (isCut) output.append(element("span", { className: "faint", textContent: "… the end of it:\n" }));
      output.append(element("span", { className: stream, textContent: text }));
    }
    while (output.textContent.length > MOST_OUTPUT && output.childElementCount > 1) output.firstChild.remove();
    if (atEnd) output.scrollTop = output.scrollHeight;
  });
  events.addEventListener("end", () => {
    events.close();
    showFacts(id);
  });
}

function closeTask() {
  following?.close();
  following = null;
  at("task").hidden = true;
}

async function cancelTask() {
  const id = tasks.selected;
  if (at("task").hidden || at("cancel").hidden || !confirm(`Stop task ${id}?`)) return;
  await call(`/api/tasks/${encodeURIComponent(id)}/cancel`, {});
  showFacts(id);
}

// The trail

function searchTrail() {
  clearTimeout(searching);
  searching = setTimeout(async () => {
    const told = await call(`/api/trail?text=${encodeURIComponent(at("search").value)}`);
    if (told) at("trail").replaceChildren(...told.calls.map(trailRow));
  }, 200);
}

function trailRow({ time, tool, alias, outcome, exitCode, actor, arguments: given }) {
  const { alias: _, cmd, ...others } = given ?? {};
  const by = actor ? actor.name ?? actor.user ?? "" : "";
  const client = actor?.client ? ` (${actor.client})` : "";
  const words = cmd ?? Object.entries(others).map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`).join(" ");
  const cells = [new Date(time).toLocaleString(), tool, alias ?? "", `${outcome ?? "no end"}${exitCode ? ` ${exitCode}` : ""}`, by + client, words];
  return element("tr", {}, ...cells.map((text) => element("td", { textContent: text })));
}

// Keys

function typed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || at("help").open) return;
  const inField = event.target.matches("input");
  if (event.key === "Escape") {
    if (inField) event.target.blur();
    else closeTask();
    return;
  }
  if (inField) return;
  const question = event.target.closest(".question");
  const keys = {
    j: () => tasks.move(1), ArrowDown: () => tasks.move(1),
    k: () => tasks.move(-1), ArrowUp: () => tasks.move(-1),
    Enter: () => tasks.selected && openTask(tasks.selected),
    s: cancelTask,
    q: () => nextQuestion(question),
    "/": () => at("filter").focus(), t: () => at("search").focus(), "?": () => at("help").showModal(),
  };
  if (question) Object.assign(keys, { y: () => answer(question.dataset.id, true), n: () => answer(question.dataset.id, false) });
  // Buttons have their own Enter, and a text that has the focus its own arrows.
  const own = event.target.matches("button, pre") && /^(Enter|Arrow)/.test(event.key);
  if (keys[event.key] && !own) {
    event.preventDefault();
    keys[event.key]();
  }
}

function nextQuestion(now) {
  const next = now?.nextElementSibling ?? at("questions").firstElementChild;
  next?.focus();
}

at("stop").addEventListener("click", () => hold(null));
at("keys").addEventListener("click", () => at("help").showModal());
at("cancel").addEventListener("click", cancelTask);
at("close").addEventListener("click", closeTask);
at("search").addEventListener("input", searchTrail);
for (const id of ["filter", "all"]) {
  at(id).addEventListener("input", () => tasks.setFilter(at("filter").value, at("all").checked));
}
document.addEventListener("keydown", typed);
setInterval(() => tasks.paintSoon(), 1000);
connect();

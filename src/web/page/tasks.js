"use strict";

// The list of tasks. Only the rows that can be seen are in the document, so that ten thousand cost no more than ten.
class TaskList {
  constructor(list, rows, open) {
    Object.assign(this, { list, rows, open, byId: new Map(), shown: [], filter: "", all: false, selected: null });
    this.pool = [];
    list.addEventListener("scroll", () => this.paintSoon());
    new ResizeObserver(() => this.paintSoon()).observe(list);
  }

  get height() {
    return matchMedia("(max-width: 40rem)").matches ? 48 : 32;
  }

  replace(tasks) {
    this.byId = new Map(tasks.map((task) => [task.id, task]));
    this.select();
  }

  change({ changed, gone }) {
    for (const id of gone) this.byId.delete(id);
    for (const task of changed) this.byId.set(task.id, task);
    this.select();
  }

  setFilter(filter, all) {
    Object.assign(this, { filter: filter.trim().toLowerCase(), all });
    this.select();
  }

  // Chooses and sorts the tasks that are shown: those that run, then the newest.
  select() {
    const words = this.filter.split(/\s+/).filter(Boolean);
    const live = (task) => task.status === "running" || task.status === "pending";
    const wanted = (task) => {
      if (!this.all && (task.parent || task.isQuestion)) return false;
      if (!words.length) return true;
      const text = `${task.id} ${task.status} ${task.alias} ${task.tool} ${task.command}`.toLowerCase();
      return words.every((word) => text.includes(word));
    };
    const rank = new Map();
    this.shown = [...this.byId.values()].filter(wanted);
    for (const task of this.shown) rank.set(task, live(task) ? 0 : 1);
    this.shown.sort((one, other) => rank.get(one) - rank.get(other)
      || (one.createdAt < other.createdAt ? 1 : one.createdAt > other.createdAt ? -1 : 0));
    this.paintSoon();
  }

  paintSoon() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.paint();
    });
  }

  paint() {
    const { list, rows, shown, height } = this;
    rows.style.height = `${Math.max(shown.length, 1) * height}px`;
    const first = Math.max(0, Math.floor(list.scrollTop / height) - 3);
    const last = Math.min(shown.length, Math.ceil((list.scrollTop + list.clientHeight) / height) + 3);
    while (this.pool.length < last - first) this.pool.push(this.makeRow());
    this.pool.forEach((row, index) => {
      const task = shown[first + index];
      row.hidden = !task || first + index >= last;
      if (!row.hidden) this.fill(row, task, first + index);
    });
    const active = shown.some((task) => task.id === this.selected) ? `task-${this.selected}` : "";
    list.setAttribute("aria-activedescendant", active);
  }

  makeRow() {
    const row = element("div", { className: "row", role: "option" });
    for (const name of ["id", "status", "alias", "when", "command"]) row.append(element("span", { className: name }));
    row.addEventListener("click", () => this.open(row.dataset.id));
    this.rows.append(row);
    return row;
  }

  fill(row, task, index) {
    row.style.top = `${index * this.height}px`;
    row.dataset.id = task.id;
    row.id = `task-${task.id}`;
    row.setAttribute("aria-selected", task.id === this.selected);
    row.setAttribute("aria-posinset", index + 1);
    row.setAttribute("aria-setsize", this.shown.length);
    const exit = task.exitCode ? ` ${task.exitCode}` : "";
    const error = task.error ? ` (${task.error})` : "";
    const texts = [task.id, task.status + exit, task.alias, ago(task.endedAt ?? task.createdAt), task.command + error];
    texts.forEach((text, column) => {
      const cell = row.children[column];
      if (cell.textContent !== text) cell.textContent = text;
    });
    row.children[0].className = "id faint";
    row.children[1].className = `status ${task.status}`;
  }

  // Moves the selection, and returns the task that has it.
  move(step) {
    if (!this.shown.length) return null;
    const now = this.shown.findIndex((task) => task.id === this.selected);
    const next = Math.min(this.shown.length - 1, Math.max(0, now < 0 ? 0 : now + step));
    this.selected = this.shown[next].id;
    const top = next * this.height;
    const { list, height } = this;
    if (top < list.scrollTop) list.scrollTop = top;
    if (top + height > list.scrollTop + list.clientHeight) list.scrollTop = top + height - list.clientHeight;
    this.paint();
    return this.selected;
  }
}

// An element with these properties and children. No text becomes markup.
function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  Object.assign(made, properties);
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

// The time passed since then, in one unit.
function ago(time) {
  const seconds = Math.max(0, Math.round((Date.now() - Date.parse(time)) / 1000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86400)} days`;
}

// One page over the service's own interface. The history lives in this page's memory; nothing is stored.

const LISTED = 10;
const FOUND = 20;
const PAUSE = 150; // ms without a key before a search is sent
const AGAIN = 3; // times that a busy service (429) is asked once more

const $ = (id) => document.getElementById(id);
const query = $("query");
const options = $("options");

const texts = new Map(); // id -> text, of every item that the service has named
const history = []; // ids, oldest first
let token = "";
let hasTexts = true;
let hasTeacher = true;

// ---- the service ------------------------------------------------------------------------------------------------

class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

async function send(path, { body, signal } = {}) {
  for (let attempt = 0; ; attempt++) {
    const headers = {};
    const used = token;
    if (used) headers.authorization = `Bearer ${used}`;
    if (body) headers["content-type"] = "application/json";
    const method = body ? "POST" : "GET";
    const answer = await fetch(path, { method, headers, body: body && JSON.stringify(body), signal });
    if (answer.ok) return answer;
    if (answer.status === 401) {
      // Another request may have been given the token while this one was on its way.
      if (token === used) await askForToken(used !== "");
    } else if (answer.status === 429 && attempt < AGAIN) {
      await sleep(1000 * Math.min(Number(answer.headers.get("retry-after")) || 1, 10));
    } else {
      throw new Refused(answer.status, await reason(answer));
    }
  }
}

async function reason(answer) {
  try {
    const { where, found, expected, do: next } = (await answer.json()).error;
    return `${where}: ${found}${expected ? `; expected ${expected}` : ""}.${next ? ` ${next}` : ""}`;
  } catch {
    return `The service answered ${answer.status}.`;
  }
}

let asking = null;

function askForToken(wrong) {
  asking ??= new Promise((done) => {
    const ask = $("ask");
    if (wrong) $("ask-why").textContent = "That token was refused. Another one?";
    $("token").value = "";
    ask.addEventListener("close", () => {
      token = $("token").value.trim();
      $("token").value = "";
      asking = null;
      done();
    }, { once: true });
    ask.showModal();
  });
  return asking;
}

// Without a token nothing can be shown, so Escape does not close the question.
$("ask").addEventListener("cancel", (event) => event.preventDefault());

async function search(text, signal) {
  const found = await (await send(`catalogue?${new URLSearchParams({ q: text, limit: FOUND })}`, { signal })).json();
  for (const item of found.items) texts.set(item.id, item.text);
  return found.items;
}

/** Texts of ids that were recommended and never searched for; where the service has none, ids are shown. */
async function learn(ids, signal) {
  const unknown = ids.filter((id) => !texts.has(id));
  if (!unknown.length || !hasTexts) return;
  const asked = new URLSearchParams(unknown.map((id) => ["id", id]));
  asked.set("limit", unknown.length);
  try {
    for (const item of (await (await send(`catalogue?${asked}`, { signal })).json()).items) texts.set(item.id, item.text);
  } catch (error) {
    if (error.status !== 404) throw error;
    withoutTexts();
  }
}

function withoutTexts() {
  hasTexts = false;
  query.placeholder = "Type an item’s id, then Enter";
}

const textOf = (id) => texts.get(id) || id;

// ---- small parts of the page ------------------------------------------------------------------------------------

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

/** The text with the words of the query marked; texts are never read as markup. */
function marked(text, words) {
  const folded = text.toLowerCase();
  // A few letters change their length when folded, and places in the two texts would differ.
  if (folded.length !== text.length) return [text];
  const parts = [];
  let at = 0;
  while (at < text.length) {
    let next = -1;
    let length = 0;
    for (const word of words) {
      const place = folded.indexOf(word, at);
      if (place >= 0 && (next < 0 || place < next || (place === next && word.length > length))) {
        next = place;
        length = word.length;
      }
    }
    if (next < 0) break;
    parts.push(text.slice(at, next), element("mark", {}, text.slice(next, next + length)));
    at = next + length;
  }
  return [...parts, text.slice(at)];
}

// ---- search: a combobox with a list of options ------------------------------------------------------------------

let found = [];
let active = -1;
let timer = 0;
let searching = new AbortController();

function close() {
  clearTimeout(timer);
  searching.abort();
  options.hidden = true;
  query.setAttribute("aria-expanded", "false");
  activate(-1);
}

function activate(place) {
  active = place;
  options.querySelectorAll("[role=option]").forEach((option, i) => option.setAttribute("aria-selected", String(i === place)));
  if (place < 0) {
    query.removeAttribute("aria-activedescendant");
  } else {
    query.setAttribute("aria-activedescendant", `option-${place}`);
    options.children[place].scrollIntoView({ block: "nearest" });
  }
}

async function lookUp() {
  searching.abort();
  searching = new AbortController();
  const { signal } = searching;
  const text = query.value.trim();
  try {
    const items = await search(text, signal);
    if (!signal.aborted && document.activeElement === query) show(items, text);
  } catch (error) {
    if (error.name === "AbortError") return;
    if (error.status === 404) withoutTexts();
    else complain(error);
  }
}

function show(items, text) {
  found = items;
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  options.replaceChildren(...items.map((item, i) => {
    const taken = history.includes(item.id);
    const label = element("span", { class: "text" }, ...marked(item.text || item.id, words));
    const note = element("small", {}, taken ? "in the history" : item.text ? item.id : "");
    return element("li", { role: "option", id: `option-${i}`, "aria-selected": "false", "aria-disabled": taken && "true" }, label, note);
  }));
  if (!items.length) options.append(element("li", { class: "none", role: "presentation" }, `Nothing has “${text}” in its text.`));
  options.hidden = false;
  query.setAttribute("aria-expanded", "true");
  activate(items.length && text ? 0 : -1);
  options.scrollTop = 0;
}

function pick(place) {
  const item = found[place];
  if (!item || history.includes(item.id)) return; // its option says so
  query.value = "";
  close();
  add(item.id);
}

query.addEventListener("input", () => {
  clearTimeout(timer);
  activate(-1); // what is listed answers an earlier text
  if (!query.value.trim()) close();
  else if (hasTexts) timer = setTimeout(lookUp, PAUSE);
});

query.addEventListener("keydown", (event) => {
  const open = !options.hidden;
  const last = found.length - 1;
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    if (!open) {
      if (hasTexts) lookUp();
    } else if (last >= 0) {
      const step = event.key === "ArrowDown" ? 1 : -1;
      activate(active < 0 && step < 0 ? last : (active + step + last + 1) % (last + 1));
    }
  } else if (event.key === "Enter") {
    event.preventDefault();
    if (open && active >= 0) {
      pick(active);
    } else if (hasTexts) {
      clearTimeout(timer);
      lookUp();
    } else if (query.value.trim()) {
      add(query.value.trim());
      query.value = "";
    }
  } else if (event.key === "Escape") {
    if (open) close();
    else query.value = "";
  } else if (event.key === "Tab") {
    close();
  }
});

query.addEventListener("blur", close);
options.addEventListener("pointerdown", (event) => event.preventDefault()); // the focus stays in the field
options.addEventListener("click", (event) => {
  const option = event.target.closest("[role=option]");
  if (option) pick([...options.children].indexOf(option));
});

// ---- the history ------------------------------------------------------------------------------------------------

function add(id) {
  if (history.includes(id)) return; // a second click on a row that is about to go
  history.push(id);
  changed();
}

function remove(place) {
  history.splice(place, 1);
  changed();
  const left = $("history").querySelectorAll("button");
  (left[Math.min(place, left.length - 1)] || query).focus();
}

function changed() {
  $("history").replaceChildren(...history.map((id, place) => {
    const name = textOf(id);
    const button = element("button", { type: "button", "aria-label": `Remove ${name} from the history`, title: "Remove" }, "×");
    button.addEventListener("click", () => remove(place));
    return element("li", {}, element("span", { title: name }, name), button);
  }));
  $("empty").hidden = history.length > 0;
  $("clear").hidden = $("order").hidden = history.length === 0;
  rank();
}

$("clear").addEventListener("click", () => {
  history.length = 0;
  changed();
  query.focus();
});

// ---- the two rankings -------------------------------------------------------------------------------------------

let ranking = new AbortController();
let listed = LISTED;

async function recommend(path, signal) {
  const began = performance.now();
  const answer = await send(path, { body: { history, k: listed }, signal });
  const { items } = await answer.json();
  return { items, took: performance.now() - began, version: answer.headers.get("distill-rec-version") };
}

/** The teacher's ranking; null where its vectors were not exported. */
async function askTeacher(signal) {
  if (!hasTeacher) return null;
  try {
    return await recommend("teacher/recommend", signal);
  } catch (error) {
    if (error.status !== 404) throw error;
    hasTeacher = false;
    return null;
  }
}

async function rank() {
  ranking.abort();
  ranking = new AbortController();
  const { signal } = ranking;
  $("lists").setAttribute("aria-busy", "true");
  try {
    // One after the other, so that neither's time is spent waiting for the other.
    const student = await recommend("recommend", signal);
    const teacher = await askTeacher(signal);
    await learn([student, teacher].flatMap((list) => list?.items.map((item) => item.id) ?? []), signal);
    draw("student", student, teacher);
    draw("teacher", teacher, student);
    tell(student, teacher);
    $("alert").hidden = true;
  } catch (error) {
    if (error.name === "AbortError") return;
    complain(error);
  }
  $("lists").removeAttribute("aria-busy");
}

function draw(name, list, other) {
  const section = $(name);
  section.hidden = list === null;
  if (list === null) return;
  section.querySelector(".took").textContent = `${list.took < 10 ? list.took.toFixed(1) : Math.round(list.took)} ms`;
  const scores = list.items.map((item) => item.score);
  const low = Math.min(...scores);
  const span = Math.max(...scores) - low || 1;
  const places = new Map(other?.items.map((item, place) => [item.id, place + 1]));
  const rival = name === "student" ? "teacher" : "student";
  const rows = section.querySelector("ol");
  const focused = [...rows.children].findIndex((li) => li.contains(document.activeElement));
  rows.replaceChildren(...list.items.map((item) => {
    const bar = element("span", { class: "score", "aria-hidden": "true" });
    bar.style.setProperty("--share", (0.04 + 0.96 * (item.score - low) / span).toFixed(3));
    return row(item, bar, places.get(item.id), rival);
  }));
  rows.children[Math.min(focused, rows.children.length - 1)]?.firstElementChild.focus({ preventScroll: true });
}

/** One item of a ranking; `place` is its rank in the other list, where that has it. */
function row(item, bar, place, rival) {
  const name = textOf(item.id);
  const also = place ? `${rival} ${place}` : "";
  const said = `${name}. Score ${item.score.toFixed(2)}${also ? `, ${also}` : ""}. Add to the history`;
  const button = element("button", { type: "button", "aria-label": said, title: "Add to the history" },
    element("span", { class: "text" }, name),
    bar,
    element("span", { class: "value" }, item.score.toFixed(2)),
    element("span", { class: "also" }, also));
  button.addEventListener("click", () => add(item.id));
  for (const [event, on] of [["pointerenter", true], ["focus", true], ["pointerleave", false], ["blur", false]]) {
    button.addEventListener(event, () => pair(item.id, on));
  }
  return element("li", { class: place ? "shared" : "", "data-id": item.id }, button);
}

/** Point at an item in both lists. */
function pair(id, on) {
  for (const one of document.querySelectorAll(".ranking li")) one.classList.toggle("pair", on && one.dataset.id === id);
}

function tell(student, teacher) {
  $("version").textContent = student.version ? `· version ${student.version}` : "";
  const first = student.items.length ? `First for this history: ${textOf(student.items[0].id)}.` : "Nothing is left to recommend.";
  if (teacher === null) {
    $("overlap").replaceChildren(element("span", { class: "unseen" }, first));
    return;
  }
  const ids = new Set(teacher.items.map((item) => item.id));
  const count = student.items.filter((item) => ids.has(item.id)).length;
  const of = Math.max(student.items.length, 1);
  $("overlap").replaceChildren(
    element("b", {}, `${count} of ${of}`), " in both lists",
    element("span", { class: "soft" }, ` · overlap@${of} ${(count / of).toFixed(2)}`),
    element("span", { class: "unseen" }, `. ${first}`));
}

function complain(error) {
  const told = error instanceof Refused ? error.message : "The service does not answer.";
  $("alert").firstElementChild.textContent = told;
  $("alert").hidden = false;
}

$("retry").addEventListener("click", rank);

/** A catalogue smaller than a list has shorter lists. */
async function begin() {
  try {
    listed = Math.min(LISTED, (await search("", undefined)).length) || LISTED;
  } catch (error) {
    if (error.status === 404) withoutTexts();
  }
  changed();
}

begin();

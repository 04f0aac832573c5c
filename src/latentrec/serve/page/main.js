// main: keeps what the user chose, asks the server when it changes, and draws what came back.
import { byId, nameOf } from "/page/dom.js";
import { drawHistory } from "/page/history.js";
import { changesInWords, drawList, markChosen } from "/page/list.js";
import { drawRun } from "/page/run.js";
import { ask, keepToken, search } from "/page/server.js";
import { wireSearch } from "/page/search.js";
import { amount, chosenModel, effort, inWords, wireThinking } from "/page/thinking.js";
import { drawWhy } from "/page/why.js";

const PAUSE_MS = 120;
const EXAMPLE = 5;
const EXPLAINED = 50;

const state = { models: [], items: [], unknown: new Set(), list: [], before: null, words: "", titles: new Map(), told: null, chosen: null };
let [timer, asking] = [0, null];

const model = () => chosenModel(state.models);

function report(error) {
  if (error.name === "AbortError") return;
  if (error.status === 401) return showEntry();
  byId("problem").textContent = error.message;
  byId("problem").hidden = false;
}

function showEntry() {
  byId("main").hidden = true;
  byId("entry").hidden = false;
  byId("serving").textContent = "";
  byId("token").focus();
}

// --- what the user chose ---

function setItems(items) {
  state.items = items;
  drawHistory(items, state.unknown, setItems);
  history.replaceState(null, "", items.length ? `#${items.map((item) => encodeURIComponent(item.item_id)).join(",")}` : location.pathname);
  changed();
}

const add = (items) => named(items).then((found) => setItems([...state.items, ...found])).catch(report);

/** Items with their titles, looked up where only the id is known. */
function named(items) {
  return Promise.all(items.map(async (item) => {
    if (item.title !== null) return item;
    const found = await search(item.item_id, 100, model().arm);
    return found.items.find((each) => each.item_id === item.item_id) ?? item;
  }));
}

async function example() {
  const { items } = await search("", 100, model().arm);
  const start = Math.floor(Math.random() * items.length);
  const step = 1 + Math.floor(items.length / (2 * EXAMPLE));
  setItems(Array.from({ length: Math.min(EXAMPLE, items.length) }, (_, place) => items[(start + step * place) % items.length]));
}

// --- what the server says ---

function changed() {
  clearTimeout(timer);
  timer = setTimeout(() => recommend().catch(report), PAUSE_MS);
}

async function recommend() {
  asking?.abort();
  asking = new AbortController();
  const { signal } = asking;
  byId("list").classList.add("loading");
  const history = state.items.map((item) => item.item_id);
  const asked = { exclude_seen: byId("unseen").checked, arm: model().arm };
  const body = { histories: [history], top_k: Number(byId("length").value), ...asked, ...effort(model()) };
  const answer = await ask("/recommend", body, signal);
  byId("problem").hidden = true;
  showList(answer.results[0], answer.elapsed_ms);
  await explain(history, answer.results[0], signal);
}

function showList(found, ms) {
  const [items, words] = [found.items, `${found.source}, ${inWords(found)}`];
  showUnknown(new Set(found.unknown_items));
  const before = state.list.length ? state.list : null;
  for (const item of items) state.titles.set(item.item_id, nameOf(item));
  byId("list").classList.remove("loading");
  byId("spent").textContent = `${found.source === "popularity" ? "What is popular" : `By ${found.source}`}: ${inWords(found)}, ${ms.toFixed(1)} ms in the server.`;
  byId("changes").textContent = changesInWords(items, before, state.titles, state.words);
  const ids = items.map((item) => item.item_id);
  if (!ids.includes(state.chosen)) state.chosen = ids[0] ?? null;
  const reasons = found.source !== "popularity";
  drawList(items, before, reasons ? state.chosen : null, { why: reasons ? why : null, add: (item) => add([item]) });
  [state.list, state.words] = [ids, words];
}

/** Mark what the catalogue lacks; the list is left alone where nothing changed, and so is the focus. */
function showUnknown(unknown) {
  const same = [...unknown].join() === [...state.unknown].join();
  state.unknown = unknown;
  if (!same) drawHistory(state.items, unknown, setItems);
}

async function explain(history, found, signal) {
  state.told = null;
  const able = found.source !== "popularity" && state.list.length > 0;
  if (!able) {
    byId("why").hidden = true;
    return;
  }
  const body = { history, item_ids: state.list.slice(0, EXPLAINED), arm: found.arm, ...amount(found, model()) };
  state.told = await ask("/explain", body, signal);
  await showWhy(signal);
}

async function showWhy(signal) {
  if (!state.told || state.chosen === null) return;
  const { results } = await ask("/similar", { item_ids: [state.chosen], top_k: 5, arm: model().arm }, signal);
  drawWhy(state.told, state.chosen, results[0], (item) => add([item]));
}

async function why(item) {
  state.chosen = item.item_id;
  markChosen(item.item_id);
  await showWhy().catch(report);
  byId("why").scrollIntoView({ behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
  byId("why").focus({ preventScroll: true });
}

// --- start ---

async function start() {
  state.models = (await ask("/models")).models;
  byId("entry").hidden = true;
  byId("main").hidden = false;
  wireThinking(state.models, () => { about(); changed(); });
  about();
  const ids = location.hash.slice(1).split(",").filter(Boolean).map(decodeURIComponent);
  await add(ids.map((item_id) => ({ item_id, title: null })));
}

function about() {
  const { name, version, items } = model();
  byId("serving").textContent = `${name} over ${items.toLocaleString("en")} items, weights ${version}`;
  drawRun(model(), report);
}

wireSearch(add, () => model().arm, report);
byId("example").addEventListener("click", () => example().catch(report));
byId("clear").addEventListener("click", () => setItems([]));
byId("entry").addEventListener("submit", (event) => {
  event.preventDefault();
  keepToken(byId("token").value.trim());
  byId("token").value = "";
  byId("problem").hidden = true;
  start().catch((error) => {
    report(error);
    if (error.status === 401) report(new Error("The server does not take this token."));
  });
});
start().catch(report);

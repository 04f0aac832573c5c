// search: a combobox that finds items by words of their title or by id.
import { byId, element, fill, label } from "/page/dom.js";
import { search } from "/page/server.js";

const SHOWN = 12;
const PAUSE_MS = 150;

/** Wire the box: `add(items)` is told what was chosen, `arm()` whose items to look through. */
export function wireSearch(add, arm, report) {
  const [box, list] = [byId("query"), byId("found")];
  let [found, active, timer, asking] = [[], -1, 0, null];

  function close() {
    clearTimeout(timer);
    asking?.abort();
    [found, active] = [[], -1];
    list.hidden = true;
    box.setAttribute("aria-expanded", "false");
    box.removeAttribute("aria-activedescendant");
  }

  function choose(item) {
    box.value = "";
    close();
    add([item]);
    box.focus();
  }

  function mark(place) {
    active = place;
    [...list.children].slice(0, found.length).forEach((row, at) => row.setAttribute("aria-selected", String(at === place)));
    const row = list.children[place];
    box.setAttribute("aria-activedescendant", row?.id ?? "");
    row?.scrollIntoView({ block: "nearest" });
  }

  function show(items, total) {
    found = items;
    const rows = items.map((item, place) =>
      element("li", { id: `found-${place}`, onpointerdown: (event) => { event.preventDefault(); choose(item); }, aria: { role: "option", selected: "false" } }, label(item)));
    if (total > items.length) rows.push(element("li", { className: "hint", aria: { role: "presentation" } }, `${total - items.length} more: add a word`));
    if (!total) rows.push(element("li", { className: "hint", aria: { role: "presentation" } }, "No such item."));
    fill(list, ...rows);
    list.hidden = false;
    box.setAttribute("aria-expanded", "true");
    active = -1;
  }

  async function look() {
    asking?.abort();
    asking = new AbortController();
    try {
      const answer = await search(box.value, SHOWN, arm(), asking.signal);
      show(answer.items, answer.total);
    } catch (error) {
      if (error.name !== "AbortError") report(error);
    }
  }

  /** Enter: the marked item; else ids with commas; else the first match. */
  async function enter() {
    const text = box.value.trim();
    if (active >= 0) return choose(found[active]);
    if (!text) return undefined;
    if (text.includes(",")) {
      const ids = text.split(",").map((id) => id.trim()).filter(Boolean);
      box.value = "";
      close();
      return add(ids.map((item_id) => ({ item_id, title: null })));
    }
    clearTimeout(timer);
    await look();
    return found.length ? choose(found.find((item) => item.item_id === text) ?? found[0]) : undefined;
  }

  box.addEventListener("input", () => {
    clearTimeout(timer);
    if (box.value.trim()) timer = setTimeout(look, PAUSE_MS);
    else close();
  });
  box.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && found.length) mark((active + step + found.length + (active < 0 && step < 0 ? 1 : 0)) % found.length);
    else if (step) look();
    else if (event.key === "Enter") enter();
    else if (event.key === "Escape") close();
    else return;
    event.preventDefault();
  });
  box.addEventListener("blur", close);
}

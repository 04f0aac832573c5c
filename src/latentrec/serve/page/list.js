// list: the recommendations, with what moved since the list before.
import { away, byId, digits, element, fill, iconButton, nameOf } from "/page/dom.js";

/**
 * Draw the list.
 *
 * `before` holds the item ids shown last, or null; `on.why(item)`, or null where there are no
 * reasons, and `on.add(item)` are called by its buttons.
 */
export function drawList(items, before, chosen, on) {
  const scores = items.map((item) => item.score);
  const [low, high] = [Math.min(...scores), Math.max(...scores)];
  const rows = items.map((item, place) => {
    const share = high > low ? 0.06 + 0.94 * (item.score - low) / (high - low) : 1;
    const bar = element("span", { className: "bar", aria: { hidden: "true" } }, element("span", { css: { "--share": share } }));
    const name = nameOf(item);
    const id = item.title === null ? null : element("span", { className: "id" }, item.item_id);
    const score = element("div", { className: "score" }, bar, element("span", {}, away("score "), digits(item.score, Math.abs(item.score) < 100 ? 3 : 0)), id);
    const text = element("div", {}, element("div", { className: "title" }, name), score);
    const why = on.why && element("button", { type: "button", className: "quiet", onclick: () => on.why(item), aria: { pressed: String(item.item_id === chosen), label: `Why ${name}?` } }, "Why?");
    const tools = element("div", { className: "tools" }, why, iconButton("+", `Add ${name} to the history`, () => on.add(item)));
    const row = element("li", { className: item.item_id === chosen ? "chosen" : "" }, element("span", { className: "place" }, `${place + 1}`), text, moved(item, place, before), tools);
    row.dataset.item = item.item_id;
    return row;
  });
  fill(byId("list"), ...rows);
}

/** Mark the item that is explained, without drawing the list anew. */
export function markChosen(itemId) {
  for (const row of byId("list").children) {
    const here = row.dataset.item === itemId;
    row.classList.toggle("chosen", here);
    row.querySelector("button")?.setAttribute("aria-pressed", String(here));
  }
}

function moved(item, place, before) {
  if (!before) return element("span", { className: "moved" });
  const old = before.indexOf(item.item_id);
  if (old < 0) return element("span", { className: "moved new" }, "new");
  if (old === place) return element("span", { className: "moved hint" }, element("span", { aria: { hidden: "true" } }, "="), away("same place"));
  const up = old > place;
  const sign = element("span", { aria: { hidden: "true" } }, `${up ? "▲" : "▼"} ${Math.abs(old - place)}`);
  return element("span", { className: `moved ${up ? "up" : "down"}` }, sign, away(`${up ? "up" : "down"} ${Math.abs(old - place)}`));
}

/** One sentence on what changed since the list before. */
export function changesInWords(items, before, titles, words) {
  if (!before) return "";
  const now = items.map((item) => item.item_id);
  if (now.length === before.length && now.every((id, place) => id === before[place])) return `Same list as before (${words}).`;
  const fresh = now.filter((id) => !before.includes(id)).length;
  const shifted = now.filter((id, place) => before.includes(id) && before[place] !== id).length;
  const gone = before.filter((id) => !now.includes(id)).map((id) => titles.get(id) ?? id);
  const left = gone.length ? ` Left the list: ${gone.slice(0, 5).join(", ")}${gone.length > 5 ? ` and ${gone.length - 5} more` : ""}.` : "";
  return `Against the list before (${words}): ${fresh} new, ${shifted} in another place.${left}`;
}

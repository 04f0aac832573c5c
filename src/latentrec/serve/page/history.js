// history: the list of past items, which can be reordered and shortened, by mouse and by keyboard.
import { byId, element, fill, iconButton, label, nameOf } from "/page/dom.js";

/** Draw the items; `change(items)` is told of a new order. Unknown ones are marked. */
export function drawHistory(items, unknown, change) {
  const moved = (from, to) => items.toSpliced(from, 1).toSpliced(to, 0, items[from]);
  const rows = items.map((item, place) => {
    const name = nameOf(item);
    const missing = unknown.has(item.item_id);
    const tools = element("div", { className: "tools" },
      iconButton("↑", `Move ${name} up`, () => { change(moved(place, place - 1)); focus(place - 1, 0); }, place === 0),
      iconButton("↓", `Move ${name} down`, () => { change(moved(place, place + 1)); focus(place + 1, 1); }, place === items.length - 1),
      iconButton("×", `Remove ${name}`, () => { change(items.toSpliced(place, 1)); focus(Math.min(place, items.length - 2), 2); }));
    const text = label(item);
    if (missing) text.append(element("div", { className: "id" }, "not in the catalogue: not read"));
    return element("li", { className: missing ? "unknown" : "" }, element("span", { className: "place" }, `${place + 1}`), text, tools);
  });
  fill(byId("history"), ...rows);
  byId("nothing").hidden = items.length > 0;
}

/** Put the focus where it was before the list was drawn anew. */
function focus(place, tool) {
  const buttons = byId("history").children[place]?.querySelectorAll("button");
  if (!buttons) byId("query").focus();
  else (buttons[tool].disabled ? buttons[2] : buttons[tool]).focus();
}

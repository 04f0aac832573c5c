// dom: makes elements; every text goes in as text, never as markup.

/** An element with properties and children (nodes or texts). `dataset`, `aria` and `css` are maps. */
export function element(name, properties = {}, ...children) {
  const { aria = {}, css = {}, ...rest } = properties;
  const made = Object.assign(document.createElement(name), rest);
  for (const [key, value] of Object.entries(aria)) made.setAttribute(key === "role" ? key : `aria-${key}`, value);
  for (const [key, value] of Object.entries(css)) made.style.setProperty(key, value);
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

export const byId = (id) => document.getElementById(id);

/** Replace what a parent holds; a focus inside goes to the parent instead of getting lost. */
export function fill(parent, ...children) {
  const inside = parent.contains(document.activeElement) && parent !== document.activeElement;
  parent.replaceChildren(...children.filter(Boolean));
  if (inside) parent.focus({ preventScroll: true });
}

/** Text for screen readers only. */
export const away = (text) => element("span", { className: "away" }, text);

/** What a person reads for an item: its title, else its id. */
export const nameOf = (item) => item.title ?? item.item_id;

/** An item's title with its id beneath it. */
export function label(item) {
  const id = item.title === null ? null : element("div", { className: "id" }, item.item_id);
  return element("div", {}, element("div", { className: "title" }, nameOf(item)), id);
}

/** A button with a sign on it and a name for those who cannot see the sign. */
export function iconButton(sign, name, onclick, disabled = false) {
  return element("button", { type: "button", className: "quiet icon", title: name, onclick, disabled, aria: { label: name } }, sign);
}

/** A table with a caption, column names and rows of cells; the first cell of a row names it. */
export function table(caption, names, rows, className = "") {
  const head = element("tr", {}, ...names.map((name) => element("th", { scope: "col" }, name)));
  const body = rows.map(([first, ...rest]) =>
    element("tr", {}, element("th", { scope: "row" }, first), ...rest.map((cell) => (cell instanceof Node ? cell : element("td", {}, cell)))));
  const made = element("table", { className }, element("caption", {}, caption), element("thead", {}, head), element("tbody", {}, ...body));
  return element("div", { className: "scroll", tabIndex: 0, aria: { role: "region", label: caption } }, made);
}

/** A number with so many digits behind the point, and a true minus sign. */
export const digits = (value, places) => value.toFixed(places).replace("-", "−");

// why: what moved one recommendation: past items, streams, where each step looked, and its neighbours.
import { away, byId, digits, element, fill, iconButton, label, nameOf, table } from "/page/dom.js";

/** Draw the reasons for one item of an explanation; `similar` are its neighbours. */
export function drawWhy(told, itemId, similar, add) {
  const place = told.items.findIndex((item) => item.item_id === itemId);
  byId("why").hidden = place < 0;
  if (place < 0) return;
  byId("why-name").textContent = `Why ${nameOf(told.items[place])}?`;
  const first = element("div", {}, ...influence(told, place));
  const second = element("div", {}, ...streams(told, place), ...neighbours(similar, add));
  fill(byId("reasons"), element("div", { className: "columns" }, first, second), ...attention(told));
}

function influence(told, place) {
  const title = element("h3", {}, "Past items that moved it");
  if (!told.influence.length) return [title, element("p", { className: "hint" }, "The history is one item: all of it speaks for this.")];
  const row = told.influence[place];
  const largest = Math.max(...row.map(Math.abs), 1e-9);
  const hint = "Added to the logarithm of its probability by each interaction, found by leaving it out. Left of the line: speaks against it.";
  const lines = row
    .map((value, at) => ({ value, at, item: told.history[at] }))
    .sort((one, other) => other.value - one.value)
    .map(({ value, at, item }) => element("li", { className: "pull" },
      element("div", { className: "title" }, nameOf(item), " ", element("span", { className: "id" }, `no. ${at + 1}`)),
      element("div", { className: "axis", aria: { hidden: "true" } }, element("span", { className: value < 0 ? "against" : "", css: { "--share": Math.abs(value) / largest } })),
      element("div", { className: "amount" }, value < 0 ? "" : "+", digits(value, 3))));
  return [title, element("p", { className: "hint" }, hint), element("ol", { id: "influence" }, ...lines)];
}

function streams(told, place) {
  const title = element("h3", {}, "Streams that argued for it");
  if (!told.streams.length) return [title, element("p", { className: "hint" }, "No gate mixes streams here.")];
  const values = told.streams.map((stream) => stream.scores[place]);
  const loudest = values.indexOf(Math.max(...values));
  const rows = told.streams.map((stream, at) => [
    `${at + 1}${at === loudest ? " ★" : ""}`,
    `${digits(100 * stream.weight, 1)} %`,
    digits(values[at], 3),
    stream.items.slice(0, 3).map(nameOf).join(" · "),
  ]);
  const text = told.streams.length > 1 ? `Stream ${loudest + 1} gives it the highest score. The mean of the scores by gate weight is the model's score.` : "One stream decides.";
  return [title, element("p", { className: "hint" }, text), table("What each stream argues for", ["Stream", "Gate weight", "Its score", "What it alone puts first"], rows)];
}

function attention(told) {
  if (!told.attention.length) return [];
  const largest = Math.max(...told.attention.flat(2), 1e-9);
  const percent = (value) => digits(100 * value, 0);
  const rows = told.attention.flatMap((steps, stream) => steps.map((weights, step) => {
    const cells = weights.map((weight) => element("td", { css: { "--share": weight / largest } }, percent(weight), away(" percent")));
    const rest = Math.max(0, 1 - weights.reduce((sum, weight) => sum + weight, 0));
    return [`Stream ${stream + 1}, step ${step + 1}`, ...cells, element("td", { className: "rest" }, percent(rest))];
  }));
  const names = ["", ...told.history.map((item) => nameOf(item)), "own steps"];
  return [element("h3", {}, "Where each step looked"), table("Attention in percent, last layer, mean over heads. It says where the model looked, not what moved it.", names, rows, "heat")];
}

function neighbours(similar, add) {
  if (!similar.length) return [];
  const lines = similar.map((item) => element("li", { className: "pull" }, label(item), element("div", { className: "amount" }, away("cosine "), digits(item.score, 3)),
    iconButton("+", `Add ${nameOf(item)} to the history`, () => add(item))));
  return [element("h3", {}, "Similar items"), element("ol", { id: "similar" }, ...lines)];
}

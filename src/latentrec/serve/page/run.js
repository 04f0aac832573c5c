// run: what is known of the served run: test metrics with intervals, costs, settings, reports.
import { byId, digits, element, fill, table } from "/page/dom.js";
import { save } from "/page/server.js";
import { inWords } from "/page/thinking.js";

/** Draw everything about a run. */
export function drawRun(model, report) {
  fill(byId("about"), facts(model), ...metrics(model.evaluation), costs(model), ...reports(model, report), settings(model));
}

function facts(model) {
  const rows = [["Model", model.name], ["Weights", model.version], ["Items", model.items.toLocaleString("en")], ["Reads", `the last ${model.max_length} items`], ["Trained", `${model.epochs.length} epochs`]];
  return element("dl", {}, ...rows.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]));
}

function metrics(found) {
  const title = element("h3", {}, "How well it ranks");
  const rows = found?.rows ?? [];
  if (!rows.length) return [title, element("p", { className: "hint" }, "Not judged yet: latentrec evaluate RUN.")];
  const names = Object.keys(rows[0].metrics).filter((name) => name.endsWith("@10"));
  const shown = names.length ? names : Object.keys(rows[0].metrics).slice(0, 3);
  const cell = ({ value, low, high }) => element("td", {}, digits(value, 4), " ", element("small", {}, `[${digits(low, 4)}, ${digits(high, 4)}]`));
  const lines = rows.map((row) => [row.scorer, ...shown.map((name) => cell(row.metrics[name]))]);
  return [title, table(`${found.cases.toLocaleString("en")} test cases`, ["Scorer", ...shown], lines), element("p", { className: "hint" }, found.protocol)];
}

function costs(model) {
  const rows = model.costs.map((cost) => [inWords(cost), `${digits(cost.ms, 2)} ms`, `${digits(cost.more_ms, 2)} ms`]);
  return element("details", {}, element("summary", {}, "What thinking costs on this machine"), table("Measured when the server started", ["Thinking", "One history", "Each further one"], rows));
}

function reports(model, report) {
  if (!model.reports.length) return [];
  const links = model.reports.map((name) => {
    const path = `/reports/${name.split("/").map(encodeURIComponent).join("/")}?arm=${model.arm}`;
    const onclick = () => save(path, name.split("/").at(-1)).catch(report);
    return element("li", {}, element("button", { type: "button", className: "quiet", onclick }, `Save ${name}`));
  });
  return [element("h3", {}, "Reports"), element("ul", { id: "reports" }, ...links)];
}

function settings(model) {
  return element("details", {}, element("summary", {}, "Settings"), element("pre", { tabIndex: 0 }, JSON.stringify(model.config, null, 2)));
}

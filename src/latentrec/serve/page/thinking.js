// thinking: which run answers, and how many streams and steps or how much time it gets.
import { byId, element, fill } from "/page/dom.js";

/** Offer the runs and what each can do; `change()` is called whenever a choice changes. */
export function wireThinking(models, change) {
  const arms = byId("arm");
  fill(arms, ...models.map((model) => element("option", { value: model.arm }, `${model.arm}: ${model.name} (${Math.round(100 * model.share)} % of users)`)));
  byId("arms").hidden = models.length < 2;
  arms.addEventListener("change", () => { offer(chosenModel(models)); });
  byId("hurry").addEventListener("change", () => show(chosenModel(models)));
  byId("thinking").addEventListener("input", () => { show(chosenModel(models)); change(); });
  byId("thinking").addEventListener("submit", (event) => event.preventDefault());
  offer(models[0]);
}

export const chosenModel = (models) => models.find((model) => model.arm === byId("arm").value) ?? models[0];

const most = (model, what) => Math.max(...model.costs.map((cost) => cost[what]));

/** Set the dials to all that a run can do. */
function offer(model) {
  for (const what of ["streams", "steps"]) {
    const dial = byId(what);
    dial.max = most(model, what);
    dial.min = what === "steps" ? Math.min(...model.costs.map((cost) => cost.steps)) : 1;
    dial.value = dial.max;
  }
  show(model);
}

function show(model) {
  const [hurry, able] = [byId("hurry").checked, most(model, "steps") > 0];
  for (const what of ["streams", "steps"]) {
    byId(what).disabled = hurry || !able || byId(what).min === byId(what).max;
    byId(`${what}-now`).textContent = able ? `${byId(what).value} of ${byId(what).max}` : "none";
  }
  if (able && byId("steps").value === "0") byId("streams-now").textContent = "no reasoning";
  byId("no-dials").hidden = able;
  byId("deadline-row").hidden = !hurry;
}

/** The amount of thinking as a request has it. */
export function effort(model) {
  if (byId("hurry").checked) return { deadline_ms: Number(byId("deadline").value) || 1 };
  return amount({ streams: Number(byId("streams").value), steps: Number(byId("steps").value) }, model);
}

/** Streams and steps as a request names them; without reasoning there are no streams to name. */
export function amount({ streams, steps }, model) {
  if (most(model, "steps") === 0) return {};
  return steps ? { streams, steps } : { steps };
}

export const inWords = ({ streams, steps }) =>
  steps ? `${streams} ${streams === 1 ? "stream" : "streams"} × ${steps} ${steps === 1 ? "step" : "steps"}` : "no reasoning";

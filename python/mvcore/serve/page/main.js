// The page: what is chosen becomes a selection, rows become the table and the chart.

import { Chart } from "./chart.js";
import { grouped } from "./decimals.js";
import { Live } from "./live.js";
import { Picker } from "./picker.js";
import { download, names, offer, Unauthorized } from "./service.js";
import { Table } from "./table.js";

const $ = (id) => document.getElementById(id);
const START = { accounts: [], instruments: [], by: ["account"], rollup: false,
  measures: ["sod", "current", "expected"], currency: null, interval: 100, drawn: "current" };

let token = sessionStorage.getItem("token");
let chosen = fromAddress();
let priceTime = null;

const table = new Table($("grid"));
const chart = new Chart($("chart"));
const live = new Live(new URL("v1/live", location.href.replace(/^http/, "ws")), {
  state: showState, rows: take, error: (message) => problem(message.message),
  latency: (milliseconds) => ($("latency").textContent = `${milliseconds.toFixed(0)} ms`),
  unauthorized: signIn,
});
const pickers = {
  accounts: new Picker($("accounts"), "accounts", change),
  instruments: new Picker($("instruments"), "instruments", change),
  by: new Picker($("by"), "group by", change),
};

// -- the selection -------------------------------------------------------------------------------

/** What is bookmarked is seen again. */
function fromAddress() {
  try {
    return { ...START, ...JSON.parse(decodeURIComponent(location.hash.slice(1))) };
  } catch {
    return { ...START };
  }
}

/** Chosen values are texts: "=name" is a name, "?attribute=label" (in JSON) an attribute's label. */
function asked(values) {
  if (values.some((value) => value.startsWith("?"))) {
    const wanted = {};
    for (const value of values) {
      const [attribute, label] = JSON.parse(value.slice(1));
      (wanted[attribute] ??= []).push(label);
    }
    return wanted;
  }
  return values.map((value) => value.slice(1));
}

function selection() {
  const everyone = chosen.accounts.includes("*");
  const local = chosen.currency === "local";
  return {
    accounts: everyone ? null : asked(chosen.accounts),
    instruments: chosen.instruments.length ? asked(chosen.instruments) : null,
    by: local ? chosen.by.filter((name) => name !== "currency") : chosen.by,
    measures: chosen.measures, currency: chosen.currency, rollup: true,
  };
}

/** From the controls. */
function change() {
  const ticked = [...$("measures").querySelectorAll("input:checked")].map((box) => box.value);
  chosen = {
    accounts: pickers.accounts.chosen, instruments: pickers.instruments.chosen,
    by: pickers.by.chosen, rollup: $("rollup").checked, measures: ticked,
    currency: $("currency").value || null, interval: Number($("interval").value),
    drawn: $("drawn").value,
  };
  $("hint").hidden = chosen.accounts.length > 0;
  history.replaceState(null, "", `#${encodeURIComponent(JSON.stringify(chosen))}`);
  ask();
}

function ask() {
  problem(chosen.measures.length ? "" : "Choose a measure.");
  if (!chosen.measures.length) return;
  chart.clear();
  drawnOptions();
  live.select({ ...selection(), interval: chosen.interval });
}

/** To the controls. */
function show() {
  $("hint").hidden = chosen.accounts.length > 0;
  for (const [name, picker] of Object.entries(pickers)) picker.setChosen(chosen[name]);
  $("rollup").checked = chosen.rollup;
  for (const box of $("measures").querySelectorAll("input")) {
    box.checked = chosen.measures.includes(box.value);
  }
  $("currency").value = chosen.currency ?? "";
  $("interval").value = String(chosen.interval);
}

function drawnOptions() {
  const drawn = chosen.measures.includes(chosen.drawn) ? chosen.drawn : chosen.measures.at(-1);
  $("drawn").replaceChildren(...chosen.measures.map((name) => new Option(name, name)));
  $("drawn").value = drawn;
  chart.show(drawn);
}

// -- what comes ----------------------------------------------------------------------------------

function take(message) {
  problem("");
  table.apply(message, { by: selection().by, local: chosen.currency === "local", rollup: chosen.rollup });
  $("epoch").textContent = grouped(String(message.epoch));
  priceTime = message.price_time && Date.parse(message.price_time);
  showAge();
  const totals = table.totals();
  const unpriced = totals.reduce((sum, total) => sum + total.unpriced, 0);
  $("unpriced-badge").hidden = unpriced === 0;
  $("unpriced").textContent = unpriced;
  $("drawn-now").textContent = totals.length > 1 ? "choose one currency to draw its value" : "";
  if (totals.length === 1) chart.add(totals[0]);
}

function showAge() {
  const seconds = priceTime && Math.max(0, (Date.now() - priceTime) / 1000);
  $("price-age").textContent =
    priceTime === null ? "–" : seconds < 100 ? `${seconds.toFixed(1)} s` : `${Math.round(seconds / 60)} min`;
}

function showState(name, detail = "") {
  $("state").dataset.state = name;
  $("state").textContent = name;
  $("state").title = detail;
  if (name !== "live") $("latency").textContent = "–";
  else if (token !== null || !pickers.accounts.options.length) load();
}

function problem(text) {
  $("problem").hidden = !text;
  $("problem").textContent = text;
}

// -- who asks, and what there is -----------------------------------------------------------------

async function load() {
  try {
    const found = await names(token);
    pickers.accounts.setOptions([{ value: "*", text: "all accounts", group: "all" },
      ...offer(found.accounts, "account", found.attributes.accounts)]);
    pickers.instruments.setOptions(offer(found.instruments, "instrument", found.attributes.instruments));
    pickers.by.setOptions(found.groups.map((name) => ({ value: name, text: name, group: "by" })));
    $("currency").replaceChildren(new Option(`${found.base} (base)`, ""), new Option("local", "local"),
      ...found.currencies.filter((name) => name !== found.base).map((name) => new Option(name, name)));
    show();
  } catch (error) {
    if (error instanceof Unauthorized) signIn();
    else problem(String(error.message));
  }
}

function signIn() {
  $("login-problem").textContent = token === null ? "" : "That token is not known here.";
  sessionStorage.removeItem("token");
  if (!$("login").open) $("login").showModal();
}

$("login").addEventListener("close", () => {
  token = $("token").value;
  $("token").value = "";
  sessionStorage.setItem("token", token);
  live.token = token;
  live.open();
});

// -- controls ------------------------------------------------------------------------------------

for (const id of ["rollup", "measures", "currency", "interval"]) $(id).addEventListener("change", change);
$("controls").addEventListener("submit", (event) => event.preventDefault());
$("find").addEventListener("input", () => table.find($("find").value));
$("drawn").addEventListener("change", () => {
  chosen.drawn = $("drawn").value;
  chart.show(chosen.drawn);
});
$("everyone").addEventListener("click", () => {
  pickers.accounts.setChosen(["*"]);
  change();
});
for (const kind of ["csv", "parquet"]) {
  $(kind).addEventListener("click", () =>
    download(kind, { ...selection(), rollup: chosen.rollup }, token).catch((error) => problem(error.message)));
}

const dark = matchMedia("(prefers-color-scheme: dark)");
function colour(theme) {
  document.documentElement.dataset.theme = theme;
  document.body.dataset.agThemeMode = theme;
  chart.colour(theme === "dark");
}
const theme = () => localStorage.getItem("theme") ?? (dark.matches ? "dark" : "light");
dark.addEventListener("change", () => colour(theme()));
$("theme").addEventListener("click", () => {
  localStorage.setItem("theme", theme() === "dark" ? "light" : "dark");
  colour(theme());
});

const KEYS = {
  "/": () => open(() => pickers.accounts.focus()),
  i: () => open(() => pickers.instruments.focus()),
  g: () => open(() => pickers.by.focus()),
  r: () => $("rollup").click(),
  f: () => open(() => $("find").focus()),
  t: () => table.focus(),
};
function open(then) {
  $("selection").open = true;
  then();
}
addEventListener("keydown", (event) => {
  if (event.key === "Escape" && event.target === $("find")) event.target.blur();
  const typing = event.target.closest?.("input, select, dialog, .ag-popup") && event.target.type !== "checkbox";
  if (typing || event.ctrlKey || event.metaKey || event.altKey || !KEYS[event.key]) return;
  event.preventDefault();
  KEYS[event.key]();
});

setInterval(showAge, 1_000);
if (innerWidth <= 700 && chosen.accounts.length) $("selection").open = false;
colour(theme());
show();
live.token = token;
live.open();
if (chosen.accounts.length) ask();
else drawnOptions();

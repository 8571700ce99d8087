// The page: what is chosen becomes a selection, rows become the table and the chart.

import { Chart } from "./chart.js";
import { grouped } from "./decimals.js";
import { Live } from "./live.js";
import { Picker } from "./picker.js";
import { accountsOf, asked, fromAddress, present, toAddress } from "./selection.js";
import { download, names, offer, Unauthorized } from "./service.js";
import { Table, TITLES } from "./table.js";

const $ = (id) => document.getElementById(id);
let token = sessionStorage.getItem("token");
let chosen = fromAddress(location.hash);
let priceTime = null;
let tookAt = null; // when rows or their silence came last
let asking = null; // a timer
let base = null; // the currency of the book, once it is known
let known = null; // what there is to choose from, as `names` found it
let lastAsked = null;
const ASK_AFTER = 50; // milliseconds
const LISTED = 10; // names in a notice

const table = new Table($("grid"));
const chart = new Chart($("chart"));
const live = new Live(new URL("v1/live", location.href.replace(/^http/, "ws")), {
  state: showState, rows: take, error: refused,
  latency: (milliseconds) => ($("latency").textContent = `${milliseconds.toFixed(0)} ms`),
  unauthorized: signOut, closed: ended,
});
const pickers = {
  accounts: new Picker($("accounts"), "accounts", change),
  instruments: new Picker($("instruments"), "instruments", change),
  by: new Picker($("by"), "group by", change),
};

// -- the selection -------------------------------------------------------------------------------

/** From the controls. Many changes at once are one question. */
function change() {
  const ticked = [...$("measures").querySelectorAll("input:checked")].map((box) => box.value);
  chosen = {
    accounts: pickers.accounts.chosen, instruments: pickers.instruments.chosen,
    by: pickers.by.chosen, rollup: $("rollup").checked,
    measures: ticked.length ? ticked : chosen.measures, // one at least
    currency: $("currency").value || null, interval: Number($("interval").value),
    drawn: $("drawn").value,
  };
  show();
  problem("");
  history.replaceState(null, "", toAddress(chosen));
  clearTimeout(asking);
  asking = setTimeout(ask, ASK_AFTER);
}

/** What is chosen, unless it has been asked already. */
function ask() {
  drawnOptions();
  const { choice, absent } = present(chosen, known);
  $("notice").hidden = !absent.length;
  const more = absent.length > LISTED ? ` and ${absent.length - LISTED} more` : "";
  $("notice").textContent =
    `Left out, because they do not exist or are not yours: ${absent.slice(0, LISTED).join(", ")}${more}`;
  const selection = { ...asked(choice), interval: choice.interval };
  const money = choice.currency === "local" ? null : (choice.currency ?? base);
  const shape = { by: selection.by, money, rollup: choice.rollup, accounts: accountsOf(choice, known) };
  const question = JSON.stringify([selection, shape]);
  if (question === lastAsked) return;
  lastAsked = question;
  document.body.classList.add("waiting"); // the rows are still those of the question before
  chart.clear();
  live.select(selection, shape);
}

/** To the controls. */
function show() {
  $("hint").hidden = chosen.accounts.length > 0;
  for (const [name, picker] of Object.entries(pickers)) picker.setChosen(chosen[name]);
  $("rollup").checked = chosen.rollup;
  for (const box of $("measures").querySelectorAll("input")) {
    box.checked = chosen.measures.includes(box.value);
  }
  choose($("currency"), chosen.currency ?? "");
  choose($("interval"), String(chosen.interval));
}

/** Also what is not offered, or not yet. */
function choose(list, value) {
  if (![...list.options].some((option) => option.value === value)) list.add(new Option(value, value));
  list.value = value;
}

function drawnOptions() {
  const drawn = chosen.measures.includes(chosen.drawn) ? chosen.drawn : chosen.measures.at(-1);
  $("drawn").replaceChildren(...chosen.measures.map((name) => new Option(TITLES[name] ?? name, name)));
  $("drawn").value = drawn;
  chart.show(drawn);
}

// -- what comes ----------------------------------------------------------------------------------

/** `shape`: by, money and rollup, as they were asked. */
function take(message, shape) {
  tookAt = new Date();
  if (message.all) {
    problem("");
    document.body.classList.remove("waiting");
    stale(false);
  }
  table.apply(message, shape);
  $("epoch").textContent = grouped(String(message.epoch));
  priceTime = message.price_time && Date.parse(message.price_time);
  showAge();
  const totals = table.totals();
  const unpriced = totals.reduce((sum, total) => sum + total.unpriced, 0);
  $("unpriced-badge").hidden = unpriced === 0;
  $("unpriced").textContent = unpriced;
  const left = unpriced ? `${unpriced} unpriced left out` : "";
  $("drawn-now").textContent = totals.length > 1 ? "choose one currency to draw its value" : left;
  if (totals.length === 1) chart.add(totals[0]);
}

/** Maybe because of a name that does not exist any more. */
function refused(message) {
  ended(message.message);
  if (["unknown_account", "invalid_selection"].includes(message.code)) load();
}

/** The selection was refused, or has ended: what stands there is no longer so. */
function ended(reason) {
  table.clear();
  chart.clear();
  document.body.classList.remove("waiting");
  stale(false);
  $("unpriced-badge").hidden = true;
  $("drawn-now").textContent = "";
  $("epoch").textContent = "–";
  priceTime = null;
  showAge();
  problem(reason);
}

/** Rows without a connection stay readable, and say of when they are. */
function stale(is) {
  is &&= !table.isEmpty();
  document.body.classList.toggle("stale", is);
  $("as-of").hidden = !is;
  if (!is) return;
  $("as-of").textContent = `as of ${tookAt.toLocaleTimeString("en-GB")}, not connected`;
  chart.gap(tookAt.getTime());
}

function showAge() {
  const seconds = priceTime && Math.max(0, (Date.now() - priceTime) / 1000);
  const units = [[86_400, "days"], [3_600, "h"], [60, "min"]];
  const [length, unit] = units.find(([its]) => seconds >= 2 * its) ?? [1, "s"];
  $("price-age").textContent =
    priceTime === null ? "–" : `${(seconds / length).toFixed(unit === "s" ? 1 : 0)} ${unit}`;
}

function showState(name) {
  $("state").dataset.state = name;
  $("state").textContent = name;
  if (name === "live") return load();
  $("latency").textContent = "–";
  stale(true);
}

function problem(text) {
  if ($("problem").textContent === text) return;
  $("problem").hidden = !text;
  $("problem").textContent = text;
}

// -- who asks, and what there is -----------------------------------------------------------------

async function load() {
  const asking = token;
  try {
    const found = await names(token);
    if (token !== asking) return; // somebody else has signed in meanwhile
    known = found;
    pickers.accounts.setOptions([{ value: "*", text: "all accounts", group: "all" },
      ...offer(found.accounts, "account", found.attributes.accounts)]);
    pickers.instruments.setOptions(offer(found.instruments, "instrument", found.attributes.instruments));
    pickers.by.setOptions(found.groups.map((name) => ({ value: name, text: name, group: "by" })));
    $("currency").replaceChildren(new Option(`${found.base} (base)`, ""), new Option("local", "local"),
      ...found.currencies.filter((name) => name !== found.base).map((name) => new Option(name, name)));
    base = found.base;
    show();
    ask();
  } catch (error) {
    if (token !== asking) return;
    if (error instanceof Unauthorized) signOut(error.message);
    else problem(String(error.message));
  }
}

/** Nothing that the token gave access to stays. */
function signOut(reason) {
  if (token !== null) $("login-problem").textContent = `Signed out: ${reason}.`;
  sessionStorage.removeItem("token");
  token = live.token = null;
  live.stop();
  ended("");
  for (const picker of Object.values(pickers)) picker.setOptions([]);
  known = null;
  document.body.classList.add("signed-out");
  signIn();
}

function signIn() {
  if (!$("login").open) $("login").showModal();
}

$("login").addEventListener("close", () => {
  if (!/^[\x21-\x7e]+$/.test($("token").value)) return signIn(); // no header could carry it
  token = $("token").value;
  $("token").value = "";
  sessionStorage.setItem("token", token);
  $("login-problem").textContent = "";
  document.body.classList.remove("signed-out");
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
  $(kind).addEventListener("click", () => {
    if (!chosen.accounts.length) return problem("Choose accounts first.");
    const selection = { ...asked(present(chosen, known).choice), rollup: chosen.rollup };
    download(kind, selection, token).catch((error) => problem(error.message));
  });
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
  if (typing || event.repeat || event.ctrlKey || event.metaKey || event.altKey || !KEYS[event.key]) return;
  event.preventDefault();
  KEYS[event.key]();
});

addEventListener("hashchange", () => {
  chosen = fromAddress(location.hash);
  show();
  ask();
});
setInterval(showAge, 1_000);
if (innerWidth <= 700 && chosen.accounts.length) $("selection").open = false;
colour(theme());
show();
live.token = token;
live.open();
drawnOptions();

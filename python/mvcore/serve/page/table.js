// The rows, in AG Grid: totals pinned, changed cells flash, sorting and filters by exact decimals.

import * as ag from "../vendor/ag-grid/index.js";
import { compare, grouped, isNegative, parse, sum } from "./decimals.js";

ag.ModuleRegistry.registerModules([ag.AllCommunityModule]);

const PHONE = innerWidth <= 700;
const FLASH = 2_000; // milliseconds
export const TITLES = { sod: "start-of-day holdings at current prices", current: "current", expected: "expected" };
const DIGIT = 9.3; // pixels of one in bold: an amount is never cut short
const BESIDE = 30; // pixels of a cell that are no text
const LINES = PHONE ? 64 : 46; // pixels of a row whose title takes several lines
const NOT_SET = "(not set)";
const NONE = "–"; // instead of an amount that there is none of
const ORDER = new Intl.Collator(undefined, { numeric: true });

/** Filters of amounts: AG Grid's own would make floats of them. */
const AMOUNT_FILTERS = [
  ["atLeast", "at least", (sign) => sign >= 0],
  ["atMost", "at most", (sign) => sign <= 0],
  ["equal", "equal to", (sign) => sign === 0],
].map(([displayKey, displayName, holds]) => ({
  displayKey,
  displayName,
  predicate: ([wanted], value) => value !== null && parse(wanted) !== null && holds(compare(value, wanted)),
  numberOfInputs: 1,
}));

const AMOUNT = { filter: "agTextColumnFilter",
  filterParams: { filterOptions: AMOUNT_FILTERS, maxNumConditions: 1 } };
const COUNT = { filter: false, flex: 0, width: 110, minWidth: 100 };

export class Table {
  constructor(box) {
    this.rows = new Map(); // by id, body and totals
    this.empty = new Map(); // by id, of accounts without positions
    this.filterings = 0;
    this.api = ag.createGrid(box, {
      theme: ag.themeQuartz.withPart(ag.colorSchemeVariable).withParams({ fontFamily: "inherit", spacing: 6 }),
      columnDefs: [],
      rowData: [],
      getRowId: ({ data }) => data.id,
      cellFlashDuration: FLASH,
      cellFadeDuration: 0,
      animateRows: false,
      suppressNoRowsOverlay: true,
      ensureDomOrder: true,
      enableCellTextSelection: true,
      defaultColDef: { sortable: true, filter: true, resizable: true, enableCellChangeFlash: true,
        flex: 1, minWidth: 110, wrapHeaderText: true, autoHeaderHeight: true },
      getRowHeight: ({ data, node }) => (node.rowPinned && data.values.unpriced ? LINES : undefined),
      onFilterChanged: () => {
        this.filterings += 1;
        this.pinTotals();
      },
      postSortRows: (params) => this.rollup && intoTree(params.nodes),
      rowClassRules: { subtotal: ({ data }) => data.level !== null && data.level < this.depth },
    });
  }

  /** An amount is found as it is shown too. */
  find(text) {
    this.api.setGridOption("quickFilterText", parse(text) ? text.replaceAll(",", "") : text);
  }

  focus() {
    const column = this.api.getAllDisplayedColumns()[0];
    if (column && this.api.getDisplayedRowCount()) this.api.setFocusedCell(0, column);
  }

  /**
   * One `rows` message. A row is known by its level, the labels of `by` and, where each has its own,
   * `amount_currency`. Totals come with every selection; `rollup` shows the subtotals too. `money`: the
   * currency of the amounts, null if each row has its own. `accounts`: those that have a row even
   * without positions.
   */
  apply(message, { by, money, rollup, accounts }) {
    this.rollup = rollup;
    this.depth = by.length;
    const top = this.api.getFirstDisplayedRowIndex();
    if (message.all) {
      this.clear(); // rows that are all new are not marked as changed
      this.longest = 0;
      this.setColumns(message.columns, by.length, money);
    }
    const update = { add: [], update: [], remove: [] };
    let totals = message.all;
    for (const values of message.rows) {
      const row = this.row(values);
      if (this.isTotal(row)) totals = true;
      else if (this.isShown(row)) update[this.rows.has(row.id) ? "update" : "add"].push(row);
      this.rows.set(row.id, row);
      const lengths = values.slice(this.labels).map((value) => grouped(String(value)).length);
      this.longest = Math.max(this.longest, ...lengths);
    }
    for (const labels of message.removed) {
      const row = this.rows.get(JSON.stringify(labels));
      if (row && this.isTotal(row)) totals = true;
      else if (row && this.isShown(row)) update.remove.push(row);
      this.rows.delete(JSON.stringify(labels));
    }
    this.api.applyTransaction(update);
    if (message.all && top > 0 && top < this.api.getDisplayedRowCount()) this.api.ensureIndexVisible(top, "top");
    if (update.add.length || update.remove.length || message.all) this.showEmpty(by.indexOf("account"), accounts);
    if (totals || this.api.isAnyFilterPresent()) this.pinTotals();
    this.widen();
  }

  /** Rows of the accounts that have no others. `place`: of the account in the grouping. */
  showEmpty(place, accounts) {
    if (place < 0) return;
    const leaves = [...this.rows.values()].filter((row) => row.level === this.depth);
    const present = new Set(leaves.map((row) => row.labels[1 + place]));
    const before = this.empty;
    this.empty = new Map(accounts.filter((name) => !present.has(name)).map((name) => {
      const labels = [this.depth, ...Array(this.depth).fill(null)];
      labels[1 + place] = name;
      const id = `empty ${name}`;
      return [id, before.get(id) ?? { id, labels, level: this.depth, values: { account: name }, empty: true }];
    }));
    this.api.applyTransaction({
      add: [...this.empty.values()].filter(({ id }) => !before.has(id)),
      remove: [...before.values()].filter(({ id }) => !this.empty.has(id)),
    });
  }

  clear() {
    this.rows.clear();
    this.empty.clear();
    this.api.setGridOption("rowData", []);
    this.pinTotals();
  }

  isEmpty() {
    return this.rows.size === 0;
  }

  /** Amounts as wide as the longest so far. */
  widen() {
    if (this.wide === this.longest) return;
    this.wide = this.longest;
    const minWidth = Math.max(150, this.longest * DIGIT + BESIDE);
    const definitions = this.api.getColumnDefs();
    for (const one of definitions) if (one.colId in TITLES) one.minWidth = minWidth;
    this.api.setGridOption("columnDefs", definitions);
  }

  /** The totals of the selection, one for each currency; null for an amount that there is none of. */
  totals() {
    const amounts = (row) => Object.fromEntries(Object.keys(row.values).map((name) => [name, shown(row, name)]));
    return [...this.rows.values()].filter((row) => row.level === 0).map(amounts);
  }

  row(values) {
    const labels = values.slice(0, this.labels);
    const named = Object.fromEntries(this.columns.map((name, k) => [name, values[k]]));
    return { id: JSON.stringify(labels), labels, level: values[0], values: named };
  }

  isTotal(row) {
    return row.level === 0 && this.depth > 0;
  }

  isShown(row) {
    return this.rollup || row.level === this.depth;
  }

  pinTotals() {
    const totals = [...this.rows.values()].filter((row) => this.isTotal(row));
    totals.sort((a, b) => ORDER.compare(a.values.amount_currency, b.values.amount_currency));
    if (this.api.isAnyFilterPresent()) totals.push(...this.totalsOfShown());
    this.api.setGridOption("pinnedBottomRowData", totals);
  }

  /** Sums of the rows that a search and filters leave, one for each currency. */
  totalsOfShown() {
    const byCurrency = new Map();
    this.api.forEachNodeAfterFilter(({ data }) => {
      if (data.empty || data.level < this.depth) return; // subtotals would count twice
      const key = data.values.amount_currency;
      byCurrency.set(key, [...(byCurrency.get(key) ?? []), data]);
    });
    if (!byCurrency.size) byCurrency.set(undefined, []);
    return [...byCurrency].map(([currency, rows]) => {
      const amount = (name) => (rows.length ? sum(rows.map((row) => row.values[name])) : null);
      const amounts = this.columns.filter((name) => name in TITLES).map((name) => [name, amount(name)]);
      const unpriced = rows.reduce((total, row) => total + row.values.unpriced, 0);
      // A new id each time: another choice of rows is no change of their amounts.
      const row = { id: `shown ${this.filterings} ${currency}`, labels: [0], level: 0,
        values: { ...Object.fromEntries(amounts), unpriced, amount_currency: currency } };
      row.title = `${rows.length} ${rows.length === 1 ? "row" : "rows"} shown${leftOut(row)}`;
      return row;
    });
  }

  setColumns(columns, depth, money) {
    this.columns = columns;
    this.labels = 1 + depth + Number(money === null);
    const definitions = depth ? [] : [label("", 0)]; // what the one row is
    for (const [k, name] of columns.slice(1).entries()) {
      if (k < depth) definitions.push(label(name, k));
      else if (name !== "amount_currency") definitions.push(amount(name, money, columns.find((one) => one in TITLES)));
      else if (money === null) definitions.push(currency());
    }
    const kind = JSON.stringify(definitions.map(({ colId, headerName }) => [colId, headerName]));
    if (this.kind === kind) return;
    this.kind = kind;
    this.api.setGridOption("columnDefs", definitions);
    this.wide = 0;
  }
}

/** The amount of a row; null if it is only 0 because its positions are unpriced. */
function shown({ values }, name) {
  const nothing = values.unpriced > 0 && typeof values[name] === "string" && !/[1-9]/.test(values[name]);
  return nothing ? null : (values[name] ?? null);
}

function leftOut({ values }) {
  return values.unpriced ? `, ${values.unpriced} unpriced left out` : "";
}

/** A column of labels: the k-th of the grouping. */
function label(name, k) {
  const text = ({ data }) => {
    if (data.empty) return data.values[name] ?? "";
    if (k < data.level) return data.values[name] ?? NOT_SET;
    return k === 0 ? (data.title ?? `whole selection${leftOut(data)}`) : "";
  };
  return {
    colId: `label ${name}`, headerName: name === "currency" ? "currency held" : name,
    valueGetter: text, filter: "agTextColumnFilter",
    comparator: ORDER.compare, initialSort: "asc", initialSortIndex: k,
    enableCellChangeFlash: false, minWidth: PHONE ? 140 : 110, suppressHeaderFilterButton: PHONE,
  };
}

/** What the amounts of a row are in. */
function currency() {
  return { colId: "amount_currency", headerName: "currency", valueGetter: ({ data }) => data.values.amount_currency,
    filter: false, enableCellChangeFlash: false, flex: 0, width: 100, minWidth: 90 };
}

/** `first`: the column that says that an account has no positions. */
function amount(name, money, first) {
  const counts = name === "unpriced";
  const text = (value) => (typeof value === "string" ? grouped(value) : String(value ?? NONE));
  return {
    colId: name,
    headerName: counts || money === null ? (TITLES[name] ?? name) : `${TITLES[name]}, ${money}`,
    type: "rightAligned",
    valueGetter: ({ data }) => shown(data, name),
    valueFormatter: ({ value, data }) => {
      if (data.empty) return name === first ? "no positions" : "";
      return text(value);
    },
    comparator: (a, b) => (typeof a === "number" && typeof b === "number" ? a - b : compare(a, b)),
    ...(counts ? COUNT : AMOUNT),
    cellClassRules: {
      quiet: ({ data }) => data.empty,
      negative: ({ value }) => isNegative(value),
      unpriced: ({ value }) => counts && value > 0,
    },
  };
}

/** Sorted rows, put below the subtotals that they belong to. */
function intoTree(nodes) {
  const children = new Map();
  for (const node of nodes) {
    const { labels, level } = node.data;
    const rest = JSON.stringify(labels.slice(1 + level).filter((one) => one !== null));
    const parent = JSON.stringify([labels.slice(1, level), rest]);
    node.data.path = JSON.stringify([labels.slice(1, level + 1), rest]);
    if (!children.has(parent)) children.set(parent, []);
    children.get(parent).push(node);
  }
  const present = new Set(nodes.map((node) => node.data.path));
  const sorted = [];
  const put = (list) => {
    for (const node of list) {
      sorted.push(node);
      put(children.get(node.data.path) ?? []);
    }
  };
  for (const [parent, list] of children) if (!present.has(parent)) put(list);
  nodes.splice(0, nodes.length, ...sorted);
}

// What is chosen on the page, and what the service is asked for it.

export const START = { accounts: [], instruments: [], by: ["account"], rollup: false,
  measures: ["sod", "current", "expected"], currency: null, interval: 100, drawn: "current" };

const isTexts = (given) => Array.isArray(given) && given.every((one) => typeof one === "string");
const isText = (given) => typeof given === "string";
const KINDS = {
  accounts: isTexts, instruments: isTexts, by: isTexts, rollup: (given) => typeof given === "boolean",
  measures: (given) => isTexts(given) && given.length > 0, currency: (given) => given === null || isText(given),
  interval: Number.isInteger, drawn: isText,
};

/** What is bookmarked is seen again; what is no choice is left out. */
export function fromAddress(hash) {
  try {
    const given = Object.entries(JSON.parse(decodeURIComponent(hash.slice(1))));
    const chosen = { ...START, ...Object.fromEntries(given.filter(([name, value]) => KINDS[name]?.(value))) };
    asked(chosen);
    return chosen;
  } catch {
    return { ...START };
  }
}

export function toAddress(chosen) {
  return `#${encodeURIComponent(JSON.stringify(chosen))}`;
}

/** Values of a picker: "=name" is a name, "?[attribute, label]" a label of an attribute. */
function names(values) {
  if (!values.some((value) => value.startsWith("?"))) return values.map((value) => value.slice(1));
  const wanted = Object.create(null); // an attribute may have any name
  for (const value of values) {
    const [attribute, label] = JSON.parse(value.slice(1));
    (wanted[attribute] ??= []).push(label);
  }
  return wanted;
}

/** The selection, always with its totals; the table shows subtotals where `rollup` was chosen. */
export function asked(chosen) {
  const local = chosen.currency === "local"; // each row has its currency then
  return {
    accounts: chosen.accounts.includes("*") ? null : names(chosen.accounts),
    instruments: chosen.instruments.length ? names(chosen.instruments) : null,
    by: local ? chosen.by.filter((name) => name !== "currency") : chosen.by,
    measures: chosen.measures, currency: chosen.currency, rollup: true,
  };
}

/** The choice without the names that do not exist, as far as `known` says so, and those names. */
export function present(chosen, known) {
  const choice = { ...chosen };
  const absent = [];
  for (const [side, name] of known ? [["accounts", "account"], ["instruments", "instrument"]] : []) {
    const there = new Set(known[side].map((one) => `=${one[name]}`));
    const kept = chosen[side].filter((value) => !value.startsWith("=") || there.has(value));
    if (side === "instruments" && !kept.length) continue; // without any it would be all of them
    choice[side] = kept;
    absent.push(...chosen[side].filter((value) => !kept.includes(value)).map((value) => value.slice(1)));
  }
  return { choice, absent };
}

/** Names of the accounts chosen; of all that match only if no instruments leave most of them out. */
export function accountsOf(choice, known) {
  const wanted = asked(choice).accounts;
  if (Array.isArray(wanted)) return wanted;
  if (known === null || choice.instruments.length) return [];
  const meets = ({ attributes }) => Object.entries(wanted ?? {}).every(
    ([attribute, labels]) => labels.includes(attributes[attribute] ?? null));
  return known.accounts.filter(meets).map((one) => one.account);
}

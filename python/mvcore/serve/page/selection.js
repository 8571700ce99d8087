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

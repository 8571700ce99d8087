// Amounts are decimal texts and stay so: compared, subtracted and placed as whole numbers of any
// size (BigInt). No amount ever becomes a float.

/** [units, scale] of a decimal text, "-1.50" -> [-150n, 2]; null where it is none. */
export function parse(text) {
  const match = /^([+-]?)(\d*)(?:\.(\d*))?$/.exec(String(text).replaceAll(",", "").trim());
  if (!match || !(match[2] || match[3])) return null;
  const fraction = match[3] ?? "";
  const units = BigInt((match[2] ?? "") + fraction);
  return [match[1] === "-" ? -units : units, fraction.length];
}

/** The units of both at one scale. */
function aligned([a, scaleA], [b, scaleB]) {
  const scale = Math.max(scaleA, scaleB);
  return [a * 10n ** BigInt(scale - scaleA), b * 10n ** BigInt(scale - scaleB), scale];
}

/** Below, at or above 0; what is no number comes first. */
export function compare(textA, textB) {
  const [a, b] = [textA, textB].map((text) => (text === null ? null : parse(text)));
  if (!a || !b) return Number(Boolean(a)) - Number(Boolean(b));
  const [left, right] = aligned(a, b);
  return left < right ? -1 : Number(left > right);
}

export function isNegative(text) {
  return typeof text === "string" && text.startsWith("-") && /[1-9]/.test(text);
}

/** Thousands apart: "-1234567.50" -> "-1,234,567.50". */
export function grouped(text) {
  const [whole, fraction] = text.split(".");
  const apart = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  return fraction === undefined ? apart : `${apart}.${fraction}`;
}

/** `units` at a scale as text. */
function written(units, scale) {
  const digits = String(units < 0n ? -units : units).padStart(scale + 1, "0");
  const sign = units < 0n ? "-" : "";
  const cut = digits.length - scale;
  return sign + digits.slice(0, cut) + (scale ? `.${digits.slice(cut)}` : "");
}

/** The exact sum of decimal texts. */
export function sum(texts) {
  const parsed = texts.map(parse);
  const scale = Math.max(0, ...parsed.map(([, its]) => its));
  return written(parsed.reduce((total, [units, its]) => total + units * 10n ** BigInt(scale - its), 0n), scale);
}

export const STEPS = 10_000;

/**
 * Where each of several amounts stands between the least (0) and the most (STEPS): places on a
 * screen, which are all that is drawn. `at(place)` is the amount there, as text.
 */
export function places(texts) {
  const parsed = texts.map(parse);
  const scale = Math.max(...parsed.map(([, its]) => its));
  const units = parsed.map(([value, its]) => value * 10n ** BigInt(scale - its));
  const least = units.reduce((a, b) => (b < a ? b : a));
  const most = units.reduce((a, b) => (b > a ? b : a));
  const span = most - least || 1n;
  return {
    places: units.map((value) => Number(((value - least) * BigInt(STEPS)) / span)),
    at: (place) => written(least + (span * BigInt(Math.round(place))) / BigInt(STEPS), scale),
  };
}

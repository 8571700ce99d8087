// Questions over HTTP: names to choose from, and files to keep. Addresses are relative, so that the
// page works wherever the service is mounted.

export class Unauthorized extends Error {}

const FILES = { csv: "text/csv", parquet: "application/vnd.apache.parquet" };

async function call(path, token, options = {}) {
  const headers = { ...options.headers, ...(token === null ? {} : { Authorization: `Bearer ${token}` }) };
  const answer = await fetch(path, { ...options, headers });
  if (answer.ok) return answer;
  const { message } = await answer.json();
  throw answer.status === 401 ? new Unauthorized(message) : new Error(message);
}

/** Everything that can be chosen. */
export async function names(token) {
  const get = async (path) => (await call(`v1/${path}`, token)).json();
  const [accounts, instruments, attributes, money] = await Promise.all(
    ["accounts", "instruments", "attributes", "currencies"].map(get));
  const [ours, theirs] = [attributes.accounts, attributes.instruments].map(Object.keys);
  const both = new Set(ours.filter((name) => theirs.includes(name)));
  const named = (side, list) => list.map((name) => (both.has(name) ? `${side}.${name}` : name));
  return {
    accounts: accounts.accounts, instruments: instruments.instruments, attributes,
    groups: ["account", "instrument", "currency", ...named("account", ours), ...named("instrument", theirs)],
    base: money.base, currencies: money.currencies,
  };
}

/** Options of a picker: attributes with their labels, then names. */
export function offer(list, side, attributes) {
  const unset = (attribute) => (list.some((one) => one.attributes[attribute] === null) ? [null] : []);
  const labels = Object.entries(attributes).flatMap(([attribute, those]) =>
    [...those, ...unset(attribute)].map((label) => ({ value: `?${JSON.stringify([attribute, label])}`,
      text: `${attribute}: ${label ?? "(not set)"}`, group: "attribute" })));
  return [...labels, ...list.map((one) => ({ value: `=${one[side]}`, text: one[side], group: "name" }))];
}

/** The values of a selection at one epoch, as a file. */
export async function download(kind, selection, token) {
  const answer = await call("v1/values", token, { method: "POST", body: JSON.stringify(selection),
    headers: { "Content-Type": "application/json", Accept: FILES[kind] } });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await answer.blob());
  link.download = `values.${kind}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

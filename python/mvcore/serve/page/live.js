// The connection to /v1/live: says who asks, asks again after a loss, measures the way there and
// back. The protocol is in docs/serve.md.

const RETRY = [500, 1_000, 2_000, 4_000, 8_000]; // milliseconds
const PING_EVERY = 5_000;
const UNAUTHORIZED = 4401;
const GOING_AWAY = 1001;
const FIRST_OWN = 4000; // close codes from here on are the service's own (RFC 6455, 7.4.2)
const NOT_TO_BE_ASKED_AGAIN = [1009, 4400]; // too large, not understood
const LARGEST = 262_144; // bytes of a message: a larger one would end the connection

export class Live {
  /**
   * on: {state(name), rows(message, shape), error(message), latency(ms), unauthorized(reason),
   * closed(reason)}. `closed`: the service ended the session, which is asked for again.
   */
  constructor(url, on) {
    this.url = url;
    this.on = on;
    this.token = null;
    this.asked = null; // and what the page made of it:
    this.shape = null;
    this.failed = 0; // times, since something came
    this.pings = new Map();
    this.number = 0;
    setInterval(() => this.ping(), PING_EVERY);
    addEventListener("online", () => this.open());
  }

  open() {
    clearTimeout(this.retry);
    this.pings.clear();
    this.socket?.close();
    this.on.state("connecting");
    const socket = new WebSocket(this.url);
    this.socket = socket;
    socket.onopen = () => {
      if (this.token !== null) this.send({ type: "hello", token: this.token });
      this.on.state("live");
      if (this.asked) this.send(this.asked);
      this.ping();
    };
    socket.onmessage = (event) => this.take(JSON.parse(event.data));
    socket.onclose = (event) => {
      if (socket === this.socket) this.lost(event);
    };
  }

  lost(event) {
    if (event.code === UNAUTHORIZED) {
      this.on.unauthorized(event.reason);
      return;
    }
    if (event.code === GOING_AWAY || event.code >= FIRST_OWN) this.on.closed(event.reason);
    if (NOT_TO_BE_ASKED_AGAIN.includes(event.code)) this.asked = null;
    const wait = RETRY[Math.min(this.failed, RETRY.length - 1)] * (1 + Math.random() / 4);
    this.failed += 1;
    this.on.state("reconnecting");
    this.retry = setTimeout(() => this.open(), wait);
  }

  /** Ends the session, until `open`. */
  stop() {
    clearTimeout(this.retry);
    this.pings.clear();
    const socket = this.socket;
    this.socket = undefined;
    socket?.close();
    this.on.state("signed out");
  }

  /** The new selection replaces the old; answers to an older one are left aside. */
  select(selection, shape) {
    this.number += 1;
    this.shape = shape;
    this.asked = { type: "select", id: this.number, ...selection };
    if (new TextEncoder().encode(JSON.stringify(this.asked)).length > LARGEST) {
      this.asked = null;
      this.on.error({ message: "the selection is too large: choose fewer names, or attributes" });
    } else if (this.socket?.readyState === WebSocket.OPEN) this.send(this.asked);
  }

  /** Two without an answer: nobody is there any more, though nobody has said so. */
  ping() {
    if (this.pings.size >= 2) this.open();
    if (this.socket?.readyState !== WebSocket.OPEN) return;
    const id = `ping ${performance.now()}`;
    this.pings.set(id, performance.now());
    this.send({ type: "ping", id });
  }

  send(message) {
    this.socket.send(JSON.stringify(message));
  }

  take(message) {
    this.failed = 0;
    if (message.type === "pong") {
      const sent = this.pings.get(message.id);
      this.pings.delete(message.id);
      if (sent !== undefined) this.on.latency(performance.now() - sent);
    } else if (message.id !== this.number && message.code !== "too_large") {
      return;
    } else if (message.type === "rows") {
      this.on.rows(message, this.shape);
    } else if (message.type === "error") {
      this.on.error(message);
    }
  }
}

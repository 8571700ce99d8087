"""Authorization at random: answers equal those of a book with only the permitted accounts."""

import asyncio
import contextlib
import json
import random
import time
from decimal import Decimal as D

import pytest

import mvcore

serve = pytest.importorskip("mvcore.serve")
jwt = pytest.importorskip("jwt")
from serving import Follower, client, live, running, settled  # noqa: E402 - after importorskip

SECRET = b"a secret of at least thirty-two bytes"
INSTRUMENTS = {"I1": ("USD", "s1"), "I2": ("EUR", "s2"), "I3": ("USD", None)}
DESKS, LANDS = ["d1", "d2", "d3", None], ["DE", "US", None]
GROUPS = ["account", "instrument", "currency", "desk", "land", "sector"]
SEEN = {
    "all": None,
    "names": frozenset({"A1", "A3", "T1", "never"}),
    "nobody": frozenset(),
    "desk": {"desk": ["d1", "d2"]},
    "both": {"desk": "d2", "land": ["DE", "US"]},
    "other": {"mood": ["good"]},  # an attribute that no account has
}


class World:
    """The facts, the live book with all of them, and books with some."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.accounts: dict[str, tuple] = {}
        self.holdings: dict[tuple, D] = {}
        self.orders: dict[int, tuple] = {}
        self.prices = {name: D(100 + k) for k, name in enumerate(INSTRUMENTS)}
        for k in range(1, 7):
            self.accounts[f"A{k}"] = self.labels()
            for name in self.random.sample(list(INSTRUMENTS), 2):
                self.holdings[f"A{k}", name] = D(self.random.randint(-999, 999)) / 8
        for k in range(9):
            self.orders[k] = (self.random.choice(list(self.holdings)), 10 + k, k)
        self.book = self.only(set(self.accounts))

    def labels(self) -> tuple:
        return self.random.choice(DESKS), self.random.choice(LANDS)

    def tables(self, allowed: set[str]) -> dict:
        rows = {a: labels for a, labels in self.accounts.items() if a in allowed}
        held = [(a, i, q) for (a, i), q in self.holdings.items() if a in allowed]
        orders = [(k, *at, q, f) for k, (at, q, f) in self.orders.items() if at[0] in allowed]
        columns = ("order", "account", "instrument", "order_quantity", "filled_quantity")
        return {
            "instruments": {
                "instrument": list(INSTRUMENTS),
                "currency": [c for c, _ in INSTRUMENTS.values()],
                "sector": [s for _, s in INSTRUMENTS.values()],
            },
            "accounts": {
                "account": list(rows), "desk": [d for d, _ in rows.values()],
                "land": [land for _, land in rows.values()],
            },
            "holdings": {
                n: [row[k] for row in held]
                for k, n in enumerate(("account", "instrument", "quantity"))
            },
            "orders": {n: [row[k] for row in orders] for k, n in enumerate(columns)},
            "prices": {"instrument": [*self.prices], "price": [*self.prices.values()]},
            "fx": {"currency": ["EUR"], "rate": ["1.1"]},
        }  # fmt: skip

    def only(self, allowed: set[str]) -> mvcore.Book:
        book = mvcore.Book()
        book.load(**self.tables(allowed))
        return book

    def allowed(self, accounts) -> set[str]:
        if accounts is None:
            return set(self.accounts)
        if isinstance(accounts, dict):
            out = set()
            for name, labels in self.accounts.items():
                has = dict(zip(("desk", "land"), labels, strict=True))
                wanted = {n: v if isinstance(v, list) else [v] for n, v in accounts.items()}
                if all(n in has and has[n] in v for n, v in wanted.items()):
                    out.add(name)
            return out
        return set(accounts) & set(self.accounts)

    def change(self) -> None:
        """Make one write of a random kind."""
        pick = self.random.choice
        kind = pick(["tick", "tick", "holding", "labels", "labels", "order", "come", "go"])
        if kind == "tick":
            self.prices["I1"] += D("0.25")
            self.book.tick("I1", self.prices["I1"])
        elif kind == "holding":
            key = pick(list(self.holdings))
            self.holdings[key] += 1
            row = {"account": [key[0]], "instrument": [key[1]], "quantity": [self.holdings[key]]}
            self.book.update(holdings=row)
        elif kind == "order":
            at, quantity, filled = self.orders[k := pick(list(self.orders))]
            self.orders[k] = (at, quantity, min(filled + 1, quantity))
            self.book.order(k, *at, *self.orders[k][1:])
        elif kind == "go" and "T1" in self.accounts:
            del self.accounts["T1"]
            self.book.remove(accounts="T1")
        else:
            name = "T1" if kind == "come" else pick(list(self.accounts))
            self.accounts[name] = self.labels()
            desk, land = self.accounts[name]
            row = {"account": [name], "desk": [desk], "land": [land]}
            self.book.update(accounts=row)

    def selection(self, names: list[str]) -> dict:
        pick = self.random.choice
        out = {"by": self.random.sample(GROUPS, self.random.randint(0, 3))}
        out["rollup"], out["currency"] = pick([True, False]), pick([None, "EUR"])
        accounts = pick([None, "names", {"desk": ["d1", "d3"]}, {"land": [None, "DE"]}])
        if accounts == "names":
            accounts = self.random.sample(names, self.random.randint(0, min(2, len(names))))
        instruments = pick([None, None, ["I1", "I3"], {"sector": ["s1", "s2"]}])
        return out | {"accounts": accounts, "instruments": instruments}

    def refused(self, seen, asked: dict) -> bool:
        """Return whether the selection's labels are refused, because no visible account has any of
        them.

        A client that sees only some accounts is not told which of several labels others have.
        """
        if not isinstance(asked["accounts"], dict):
            return False
        [(name, wanted)] = asked["accounts"].items()
        place = ("desk", "land").index(name)
        held = {self.accounts[account][place] for account in self.allowed(seen)}
        missing = set(wanted) - held - {None}
        return bool(missing if seen is None else held and missing == set(wanted))

    def right(self, call: str, seen, asked: dict) -> list:
        """The answer of a book that has no other accounts."""
        with self.only(self.allowed(seen)) as book:
            words = (
                asked if call == "values" else {n: asked[n] for n in ("accounts", "instruments")}
            )
            frame = getattr(book, call)(**words, allow_empty=True)
            return sorted(map(shown, frame.to_pylist()))


def shown(row: dict) -> str:
    return json.dumps({n: format(v, "f") if isinstance(v, D) else v for n, v in row.items()})


class Either:
    """Accepts tokens of both kinds. Any class with the method `principal` works."""

    def __init__(self) -> None:
        known = {name: serve.Principal(name, accounts) for name, accounts in SEEN.items()}
        self.tokens, self.jwts = serve.Tokens.of(known), serve.JwtTokens(SECRET)

    def principal(self, token: str):
        return self.tokens.principal(token) or self.jwts.principal(token)


def tokens_of(name: str) -> list[str]:
    seen = SEEN[name]
    accounts = "*" if seen is None else sorted(seen) if isinstance(seen, frozenset) else seen
    claims = {"sub": name, "exp": time.time() + 600, "accounts": accounts}
    return [name, jwt.encode(claims, SECRET, "HS256")]


@pytest.mark.parametrize("seed", range(2))
def test_every_token_sees_exactly_its_accounts_over_http(seed) -> None:
    world = World(seed)
    app = serve.create_app(world.book, Either())
    with running(app) as port, contextlib.ExitStack() as stack:
        clients = [
            (SEEN[name], stack.enter_context(client(port, token)))
            for name in SEEN
            for token in tokens_of(name)
        ]
        for _ in range(12):
            world.change()
            for seen, http in world.random.sample(clients, 3):
                ask(world, seen, http)
        settled(app.state.service)


def ask(world: World, seen, http) -> None:
    allowed = world.allowed(seen)
    names = {
        one["account"]: one["attributes"] for one in http.get("/v1/accounts").json()["accounts"]
    }
    assert names == {
        n: {"desk": desk, "land": land}
        for n, (desk, land) in world.accounts.items()
        if n in allowed
    }
    labels = http.get("/v1/attributes").json()["accounts"]
    for k, name in enumerate(("desk", "land")):
        assert labels[name] == sorted({world.accounts[n][k] for n in allowed} - {None})
    for call in ("values", "positions", "holdings", "orders"):
        asked = world.selection(sorted(allowed))
        if call != "values":  # they take a selection and nothing else
            asked = {k: v for k, v in asked.items() if k in ("accounts", "instruments")}
        answer = http.post(f"/v1/{call}", json=asked).json()
        if world.refused(seen, asked):
            assert "has the label" in answer["message"]
            assert answer["message"].count("'") == 2  # around the label in the request
            continue
        got = [dict(zip(answer["columns"], row, strict=True)) for row in answer["rows"]]
        assert answer["epoch"] == world.book.epoch
        assert sorted(map(shown, got)) == world.right(call, seen, asked), (seen, asked)
        absent = http.post(f"/v1/{call}", json=asked | {"accounts": ["ZZ"]})
        assert absent.status_code == 404
        for name in set(world.accounts) - allowed:
            hidden = http.post(f"/v1/{call}", json=asked | {"accounts": [*sorted(allowed), name]})
            assert hidden.content == absent.content.replace(b"ZZ", name.encode())
            assert [h for h in hidden.headers.items() if h[0] != "date"] == [
                h for h in absent.headers.items() if h[0] != "date"
            ]


@pytest.mark.parametrize("seed", range(3))
def test_every_token_sees_exactly_its_accounts_over_the_websocket(seed) -> None:
    """After each message, its client's rows equal the expected rows at the message's epoch."""
    world = World(seed)
    app = serve.create_app(world.book, Either())

    async def run(port: int) -> None:
        async with contextlib.AsyncExitStack() as stack:
            followers = []
            for name in SEEN:
                for token in tokens_of(name):
                    follower = Watching(await stack.enter_async_context(live(port, token)))
                    followers.append(follower)
                    await follower.begin(world, SEEN[name])
            for _ in range(25):
                world.change()
                right = [f.note(world) for f in followers]
                for follower, rows in zip(followers, right, strict=True):
                    while follower.now() != rows:
                        await asyncio.wait_for(follower.step(world), 30)

    with running(app) as port:
        asyncio.run(run(port))
        settled(app.state.service)


class Watching(Follower):
    """Knows the expected rows at each epoch. None means that its selection must have ended."""

    async def begin(self, world: World, seen) -> None:
        self.seen, self.right = seen, {}
        self.query = world.selection(sorted(world.allowed(seen) - {"T1"}))
        self.ended = False
        await self.ask(**self.query)
        if world.refused(seen, self.query):
            assert (await self.next())["code"] == "invalid_selection"
            self.ended = True
            return
        self.note(world)
        await self.step(world)

    def note(self, world: World) -> list | None:
        """A label that no account has any more does not end the selection."""
        accounts = self.query["accounts"]
        hidden = isinstance(accounts, list) and not set(accounts) <= world.allowed(self.seen)
        rows = None if self.ended or hidden else world.right("values", self.seen, self.query)
        self.right[world.book.epoch] = rows
        return rows

    def now(self) -> list | None:
        return None if self.ended else sorted(map(shown, self.table().values()))

    async def step(self, world: World) -> None:
        message = await self.next()
        if message["type"] == "error":
            assert message["code"] == "unknown_account"
            assert self.right[world.book.epoch] is None
            self.ended = True
        else:
            assert self.now() == self.right[message["epoch"]], (self.seen, self.query, message)

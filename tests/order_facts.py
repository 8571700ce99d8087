"""Two orders of the small book of conftest.py, with ids that a test chooses."""

START = 1_704_067_200_000_000_000  # 2024-01-01T00:00:00Z, in nanoseconds
TEXT_IDS, INT_IDS = ["O1", "O2"], [5, 7]
# O1 is a buy filled in part. O2 is a new sell.
FACTS = {
    "account": ["A1", "A2"],
    "instrument": ["AAPL", "BUND"],
    "order_quantity": [50, -20],
    "filled_quantity": [20, 0],
    "status": ["partially_filled", "new"],
    "time": [START + 5_000, None],
}
# A third order, which no book has yet.
ONE = {"order": ["N1"], "account": ["A1"], "instrument": ["AAPL"], "order_quantity": [1]}

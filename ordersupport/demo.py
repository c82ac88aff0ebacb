"""The demo's people and orders: one shop's day."""

# Shown on the first page and in the terminal; the demo listens on loopback only.
LOGINS = [
    ("Staff", "staff", "staff", "/admin/"),
    ("Agent", "agent", "agent", "/inbox/"),
]

"""Chaos: the real processes against the providers' twins, with kills, lost answers and restarts, and one table of what came of it.

python -m tests.chaos --orders 2000 --kills 20 --seed 7 --database sqlite
"""

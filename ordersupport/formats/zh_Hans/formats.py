"""11月5日: Django writes 11月05日 here; its other formats are ours."""

MONTH_DAY_FORMAT = "n月j日"

"""Numbers with units as people write them: "50 GFLOP/s" and 50e9 FLOP/s are the same."""

PREFIXES = {"k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15}
_UNITS = ("FLOP/s", "FLOP", "byte/s", "bytes", "byte", "token/s", "tokens", "parameters")  # those that prefixes go with
_SHORT = {"B/s": "byte/s", "B": "byte"}  # how bytes are written behind a prefix
_WITHOUT = ("token/s",)  # nobody writes ktoken/s
_BARE_RATES = {"FLOP/s": 1e6, "byte/s": 1e6}  # below this, somebody forgot the prefix


def base(unit: str) -> tuple[float, str]:
    """(factor, unit without its prefix): "GFLOP/s" is (1e9, "FLOP/s"), "GB/s" (1e9, "byte/s").

    A unit that is not known stays as it is.
    """
    plain = _SHORT.get(unit[1:], unit[1:])
    if plain in _UNITS and unit[0] in PREFIXES:
        return PREFIXES[unit[0]], plain
    return 1.0, unit


def text(unit: str, *values: float) -> str:
    """Values of a base unit, with one prefix that fits the largest: "50 to 200 GFLOP/s"."""
    largest = max(map(abs, values))
    prefix, factor = "", 1.0
    if unit in _UNITS and unit not in _WITHOUT:
        for name, size in PREFIXES.items():
            if largest >= size:
                prefix, factor = name, size
    if prefix:
        unit = next((short for short, long in _SHORT.items() if long == unit), unit)
    return f"{' to '.join(_plain(value / factor) for value in values)} {prefix}{unit}"


def _plain(value: float) -> str:
    """Four digits of a number: 14,000 rather than 1.4e+04, as long as people read it so."""
    short = f"{value:.4g}"
    return f"{float(short):,.0f}" if "e+" in short and abs(value) < 1e9 else short


def is_timed(unit: str) -> bool:
    """Whether a busy machine changes what is measured in that base unit: a time or a rate, not a divergence."""
    return unit == "s" or unit.endswith("/s")


def doubt(unit: str, high: float) -> str:
    """What to ask of an interval up to `high` that is far below what any machine of today does; else nothing."""
    if unit not in _BARE_RATES or high >= _BARE_RATES[unit]:
        return ""
    least, with_prefix = f"{_BARE_RATES[unit]:,.0f} {unit}", text(unit, 1e9)[2:]
    return f"That is less than {least}: is a prefix missing? {with_prefix} is understood, too."

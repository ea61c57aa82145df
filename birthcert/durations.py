"""Seconds as people say them. Pure."""

import math


def duration(seconds: float) -> str:
    """Seconds up to two minutes, then minutes, then hours and minutes."""
    if seconds < 120:
        return f"{math.ceil(seconds)} s"
    minutes = math.ceil(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"

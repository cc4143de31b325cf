"""The cards of a release as HTML for notebooks: self-contained, escaped, without scripts, with the page's own colours."""

from __future__ import annotations

from html import escape
from typing import Any

# Only currentColor and opacities: the notebook's theme, light or dark, decides.
_CARD = "border:1px solid;border-color:color-mix(in srgb,currentColor 25%,transparent);border-radius:6px;padding:.6em .9em;min-width:17em;max-width:24em;flex:1"
_SOFT = "opacity:.7"
_MOST = 4.0
# Promotions on a card: as many as the command line shows.
_SHOWN = 5


def _text(value: object) -> str:
    """Escaped, with control and bidirectional characters taken out: names come from files."""
    text = "".join(c for c in str(value) if c.isprintable() and c not in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f")
    return escape(text, quote=True)


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _bar(lift: dict[str, float]) -> str:
    """A lift between nothing and four times, with its interval and a mark at one."""
    at = [max(0.0, min(1.0, lift[key] / _MOST)) * 100 for key in ("lower", "estimate", "upper")]
    interval = f"<rect x='{at[0]:.1f}' y='3' width='{max(at[2] - at[0], 0.5):.1f}' height='4' fill='currentColor' opacity='.35'/>"
    point = f"<circle cx='{at[1]:.1f}' cy='5' r='3' fill='currentColor'/>"
    one = f"<line x1='{100 / _MOST}' y1='0' x2='{100 / _MOST}' y2='10' stroke='currentColor' opacity='.5' stroke-dasharray='2 1'/>"
    return f"<svg width='100' height='10' role='img' aria-hidden='true' style='vertical-align:middle;overflow:visible'>{one}{interval}{point}</svg>"


def _categories(segment: dict[str, Any], labels: dict[str, str]) -> str:
    by_key = {value["group"]: value for value in segment["categories"]}
    parts = []
    for title, keys in (("Buys more", segment["top_categories"]), ("Buys less", segment["bottom_categories"])):
        rows = ""
        for key in keys:
            lift = by_key[key]["lift"]
            interval = f"{lift['lower']:.2f} to {lift['upper']:.2f}"
            rows += (
                f"<tr><td style='text-align:left'>{_text(labels.get(key, key))}</td><td>×{lift['estimate']:.2f}</td>"
                f"<td style='{_SOFT}'>({interval})</td><td>{_bar(lift)}</td></tr>"
            )
        if rows:
            parts.append(f"<table><caption style='text-align:left;font-weight:600'>{title}</caption>{rows}</table>")
    return "".join(parts)


def _card(segment: dict[str, Any], labels: dict[str, str], unit: str) -> str:
    size, share = segment["size"], segment["share"]["estimate"] * 100
    promotions = "".join(
        f"<li><b>{_text(promotion['title'])}</b> <span style='{_SOFT}'>{_text(promotion['reason'])}</span></li>"
        for promotion in segment["promotions_fit"][:_SHOWN]
    )
    more = len(segment["promotions_fit"]) - _SHOWN
    promotions += f"<li style='{_SOFT}'>and {more} more in .promotions</li>" if more > 0 else ""
    return (
        f"<section style='{_CARD}'><h4 style='margin:.1em 0'>{_text(segment['id'])} · {_text(segment['label'])}</h4>"
        f"<p style='margin:.2em 0'>About <b>{_number(size['estimate'])}</b> {_text(unit)}s "
        f"({_number(size['lower'])} to {_number(size['upper'])}), {share:.1f} %</p>"
        f"{_categories(segment, labels)}" + (f"<p style='margin:.4em 0 0;font-weight:600'>Fits</p><ul>{promotions}</ul>" if promotions else "") + "</section>"
    )


def cards(release: dict[str, Any]) -> str:
    """One card a segment, under a head that says what was spent."""
    labels = {group["key"]: group["label"] for group in release["groups"]}
    privacy, size = release["privacy"], release["population_size"]
    made_up = "<p role='note' style='font-weight:700'>SIMULATED: nobody in these figures exists.</p>" if release["origin"] == "simulated" else ""
    segments = "".join(_card(segment, labels, release["unit"]) for segment in release["segments"])
    notes = "".join(f"<li>{_text(note)}</li>" for note in release["notes"])
    return (
        f"<div class='tactful-release'>{made_up}<h3 style='margin:.2em 0'>{_text(release['population'])}: {len(release['segments'])} segments of about "
        f"{_number(size['estimate'])} {_text(release['unit'])}s</h3>"
        f"<p style='{_SOFT};margin:.2em 0'>{_text(release['window_start'])} to {_text(release['window_end'])} · epsilon {privacy['epsilon']:g} at delta "
        f"{privacy['delta']:g} · k floor {privacy['floor']} · an even guess whether somebody is among the data becomes at most "
        f"{privacy['even_odds_become'] * 100:.1f} %</p>"
        f"<div style='display:flex;flex-wrap:wrap;gap:.8em'>{segments}</div>" + (f"<ul style='{_SOFT}'>{notes}</ul>" if notes else "") + "</div>"
    )

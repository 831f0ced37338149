"""How pages of reports look, on light and dark screens and on paper."""

from __future__ import annotations

from typing import Final

STYLE: Final = """
:root {
  color-scheme: light dark;
  --page: #ffffff; --panel: #f6f7f9; --line: #d9dde3; --ink: #1b1b1c; --soft: #565b63;
  --model: #0071b2; --baseline: #d45e00; --muted: #8b8c8d; --best: #e3f1e7;
  --font: system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #16181c; --panel: #1f2329; --line: #3a4049; --ink: #e7e9ec; --soft: #a9b0ba;
    --model: #56b4e9; --baseline: #f0954a; --muted: #8f959d; --best: #1d3a2a;
  }
}
@media print {
  :root { color-scheme: light; --page: #ffffff; --panel: #ffffff; --ink: #000000; }
  figure, table { break-inside: avoid; }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.55 var(--font); overflow-wrap: break-word;
}
main { max-width: 76rem; margin: 0 auto; padding: 2.5rem 1.5rem 4rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 1.25rem; letter-spacing: -0.01em; }
h1::first-letter { text-transform: uppercase; }
h2 { font-size: 1.25rem; margin: 2.75rem 0 0.75rem; }
h3 { font-size: 1rem; margin: 1.5rem 0 0.5rem; }
dl {
  display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: 0.3rem 1.25rem;
  margin: 0; padding: 1rem 1.25rem; background: var(--panel); border-radius: 10px;
}
dt { color: var(--soft); }
dd { margin: 0; white-space: pre-line; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 0.92rem; }
th, td { padding: 0.35rem 0.85rem; text-align: left; white-space: nowrap; }
th { color: var(--soft); font-weight: 600; border-bottom: 2px solid var(--line); vertical-align: bottom; }
td { border-bottom: 1px solid var(--line); }
.number { text-align: right; }
.best { background: var(--best); font-weight: 650; }
tr.first td { border-top: 2px solid var(--line); }
.hint { color: var(--soft); font-size: 0.88rem; margin: 0.4rem 0 0; }
ul { padding-left: 1.2rem; margin: 0.5rem 0; max-width: 62rem; }
li { margin: 0.35rem 0; }
figure {
  margin: 1.25rem 0; padding: 1.1rem 1.25rem; border: 1px solid var(--line); border-radius: 10px;
}
figcaption { margin-bottom: 0.75rem; }
figcaption p { margin: 0.2rem 0 0; color: var(--soft); font-size: 0.92rem; max-width: 62rem; }
svg { display: block; width: 100%; height: auto; margin: 0 auto; }
svg image { image-rendering: pixelated; }
footer { margin-top: 3rem; color: var(--soft); font-size: 0.85rem; }
@media (max-width: 40rem) {
  main { padding: 1.25rem 0.9rem 3rem; }
  dl { grid-template-columns: 1fr; gap: 0; }
  dd { margin-bottom: 0.6rem; }
}
"""

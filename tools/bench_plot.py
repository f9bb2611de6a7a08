# SPDX-License-Identifier: Apache-2.0
"""Two plots in plain SVG, on a logarithmic scale, readable on light and dark
pages: horizontal bars from 1, and dots joined by a line."""

import math
from xml.sax.saxutils import escape

LEFT, RIGHT, TOP, LINE, GAP = 128, 64, 66, 19, 9
WIDTH = 820
COLOURS = ["#3b7dd8", "#2a9d8f", "#8a63d2", "#d97706", "#c2416b", "#5b8c2a",
           "#0e7490", "#b45309", "#64748b", "#9d4edd"]
MODES = {"qemu": "#e07a2f", "squib-interp": "#9fb7d9", "squib-jit": "#2563c9"}


class Plot:
    def __init__(self, title, rows, low, high):
        self.low, self.high = math.log(low), math.log(high)
        groups = sum(1 for n, row in enumerate(rows)
                     if n and row[1] != rows[n - 1][1])
        self.bottom = TOP + LINE * len(rows) + GAP * groups + 4
        self.parts = []
        self.text(16, 26, title, size=17, weight="600")

    def x(self, value):
        share = (math.log(value) - self.low) / (self.high - self.low)
        return LEFT + max(0, min(1, share)) * (WIDTH - LEFT - RIGHT)

    def put(self, part):
        self.parts.append(part)

    def text(self, x, y, text, anchor="start", size=12, weight="400",
             fill="#1f2937"):
        self.put(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" '
                 f'font-size="{size}" font-weight="{weight}" '
                 f'fill="{fill}">{escape(text)}</text>')

    def line(self, x1, y1, x2, y2, colour, width=1.0):
        self.put(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" '
                 f'y2="{y2:.1f}" stroke="{colour}" '
                 f'stroke-width="{width}"/>')

    def grid(self):
        for power in range(-3, 5):
            for digit in (1, 2, 5):
                value = digit * 10.0 ** power
                if not self.low <= math.log(value) <= self.high:
                    continue
                x = self.x(value)
                strong = value == 1
                self.line(x, TOP - 8, x, self.bottom,
                          "#6b7280" if strong else "#e5e7eb",
                          1.5 if strong else 1.0)
                self.text(x, TOP - 14, f"{value:g}×", "middle", 11,
                          fill="#6b7280")

    def finish(self):
        height = self.bottom + 14
        return "\n".join(
            [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" '
             f'height="{height}" viewBox="0 0 {WIDTH} {height}" '
             f'font-family="system-ui, DejaVu Sans, sans-serif">',
             f'<rect width="{WIDTH}" height="{height}" rx="8" '
             'fill="#ffffff"/>', *self.parts, "</svg>", ""])


def places(rows):
    """The height of each row, with some air between groups."""
    y, was = TOP, None
    for n, row in enumerate(rows):
        if n and row[1] != was:
            y += GAP
        was = row[1]
        yield n, y, row
        y += LINE


def colours(rows):
    groups = list(dict.fromkeys(row[1] for row in rows))
    return {g: COLOURS[n % len(COLOURS)] for n, g in enumerate(groups)}


def limits(values):
    values = [v for v in values if v] or [1]
    low = min(values)
    return low / 1.6 if low < 1 else 0.9, max(values + [2]) * 1.25


def group_label(plot, y, group, colour):
    plot.text(WIDTH - 8, y + 13, group, "end", 11, "600", colour)


def bars(title, rows):
    """rows: name, group, how many times better than 1."""
    plot = Plot(title, rows, *limits([r[2] for r in rows]))
    colour = colours(rows)
    was = None
    plot.grid()
    for _, y, (name, group, value) in places(rows):
        if group != was:
            group_label(plot, y, group, colour[group])
        was = group
        plot.text(LEFT - 8, y + 13, name, "end")
        if not value:
            plot.text(plot.x(1) + 6, y + 13, "no result", size=11,
                      fill="#9ca3af")
            continue
        x, one = plot.x(value), plot.x(1)
        plot.put(f'<rect x="{min(x, one):.1f}" y="{y + 3}" '
                 f'width="{max(abs(x - one), 1):.1f}" height="13" rx="2" '
                 f'fill="{colour[group] if value >= 1 else "#dc2626"}"/>')
        number = f"{value:.1f}" if value < 100 else f"{value:.0f}"
        if value < 1:
            number = f"{value:.2f}"
        plot.text(x + (5 if value >= 1 else -5), y + 13, number,
                  "start" if value >= 1 else "end", 11)
    return plot.finish()


def dots(title, modes, rows):
    """rows: name, group, one number for each mode."""
    plot = Plot(title, rows, *limits([v for r in rows for v in r[2]]))
    colour = colours(rows)
    was = None
    plot.grid()
    x = WIDTH - 16
    for mode in reversed(modes):
        x -= 7.6 * len(mode)
        plot.text(x, 26, mode)
        x -= 11
        plot.put(f'<circle cx="{x:.1f}" cy="22" r="5" '
                 f'fill="{MODES.get(mode, "#111827")}"/>')
        x -= 18
    for _, y, (name, group, values) in places(rows):
        if group != was:
            group_label(plot, y, group, colour[group])
        was = group
        plot.text(LEFT - 8, y + 13, name, "end")
        there = [plot.x(v) for v in values if v]
        if there:
            plot.line(min(there), y + 9.5, max(there), y + 9.5, "#d1d5db", 3)
        for mode, value in zip(modes, values):
            if value:
                plot.put(f'<circle cx="{plot.x(value):.1f}" '
                         f'cy="{y + 9.5}" r="5" '
                         f'fill="{MODES.get(mode, "#111827")}"/>')
    return plot.finish()

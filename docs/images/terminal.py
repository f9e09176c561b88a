"""Render a command's output as the picture of a terminal.

    mlflow-sso verify --stack dev | python3 docs/images/terminal.py "mlflow-sso verify --stack dev" > docs/images/verify.svg
"""

import html
import re
import sys

COLUMNS, LINE, TOP = 118, 17, 54


def row(number, text):
    """One line of the terminal; what is too long ends in an ellipsis."""
    if len(text) > COLUMNS:
        text = text[: COLUMNS - 1] + "…"
    text = re.sub(r"^(\s*)(ok)(\s)", r'\1<tspan class="k">\2</tspan>\3', html.escape(text))
    return f'<text x="16" y="{TOP + number * LINE}" xml:space="preserve">{text}</text>'


def picture(command, output):
    """The picture as SVG, dark on every page."""
    lines = [f"$ {command}", "", *output.strip("\n").split("\n")]
    width, height = int(COLUMNS * 7.3) + 32, TOP + len(lines) * LINE + 4
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-size="12" role="img"'
            " font-family=\"ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace\""
            f' aria-label="Output of {html.escape(command)}">',
            "<style>text{fill:#d6deeb}.k{fill:#7ee787;font-weight:bold}</style>",
            f'<rect width="{width}" height="{height}" rx="8" fill="#14181f" stroke="#3d444d"/>',
            '<circle cx="20" cy="18" r="5" fill="#ff5f56"/><circle cx="38" cy="18" r="5" fill="#ffbd2e"/>'
            '<circle cx="56" cy="18" r="5" fill="#27c93f"/>',
            *(row(number, text) for number, text in enumerate(lines)),
            "</svg>",
        ]
    )


if __name__ == "__main__":
    print(picture(sys.argv[1], sys.stdin.read()))

"""Turns docstrings in the house's style into reStructuredText that cannot be misread.

A docstring is plain text: a first line, paragraphs, indented formulas, `code` in single backticks, sections such as
`Args:` with indented entries `name, name: what it is.`, and doctests. Everything else is taken literally.
"""

from __future__ import annotations

import re
import textwrap

ENTRIES = ("Args", "Arguments", "Attributes", "Raises", "Yields")
SECTION = re.compile(
    r"^(Args|Arguments|Attributes|Raises|Yields|Returns|Examples?|References|Differs|Note|Notes):\s*(.*)$"
)
ENTRY = re.compile(r"^([\w*.,/ \-\[\]`]+?):\s+(.*)$", re.DOTALL)
FACT = re.compile(r"^(Input shapes?|Output shapes?|Weights|Call|Sources?|Reference|Here|Formula): ")
SPECIAL = re.compile(r"([\\*_|<>`])")


def setup(app):
    """Called by Sphinx."""
    app.connect("autodoc-process-docstring", _process)
    return {"version": "1", "parallel_read_safe": True}


def _process(app, what, name, obj, options, lines):
    lines[:] = to_rst("\n".join(lines)).split("\n")


def to_rst(text: str) -> str:
    """The docstring as reStructuredText."""
    out = []
    for block in _blocks(textwrap.dedent(text).strip("\n")):
        out += [*block, ""]
    return "\n".join(out)


def _blocks(text):
    for lines in _paragraphs(text):
        yield from _block(lines)


def _paragraphs(text):
    """Runs of lines between blank ones; a section or a named fact begins a run of its own."""
    run: list[str] = []
    for line in text.split("\n"):
        begins = SECTION.match(line) or FACT.match(line)
        if not line.strip() or (begins and run):
            if run:
                yield run
            run = []
        if line.strip():
            run.append(line.rstrip())
    if run:
        yield run


def _block(lines):
    first = lines[0]
    section = SECTION.match(first)
    if section:
        yield from _section(section.group(1), section.group(2), lines[1:])
    elif first.lstrip().startswith(">>>"):
        yield textwrap.dedent("\n".join(lines)).split("\n")
    elif first.startswith("    "):
        yield _literal(lines)
    elif any("<-" in line for line in lines):
        yield _literal(["    " + line for line in lines])
    elif re.match(r"^[-*] ", first):
        yield from _bullets(lines)
    else:
        fact = FACT.match(first)
        words = escape(" ".join(line.strip() for line in lines))
        yield [f"**{fact.group(1)}**{words[len(fact.group(1)) :]}" if fact else words]


def _literal(lines):
    return ["::", "", *textwrap.indent(textwrap.dedent("\n".join(lines)), "    ").split("\n")]


def _bullets(lines):
    for item in re.split(r"\n[-*] ", "\n" + "\n".join(line.strip() for line in lines)):
        if item.strip():
            yield ["- " + escape(" ".join(item.split()))]


def _section(name, rest, lines):
    body = textwrap.dedent("\n".join(lines)).strip("\n")
    if not body.strip():
        yield [f"**{name}:** {escape(rest)}"]
        return
    if rest:  # a paragraph that only begins with the word
        yield [f"**{name}:** {escape(' '.join([rest, *(line.strip() for line in lines)]))}"]
        return
    yield [f"**{name}:**"]
    if name not in ENTRIES:
        for lines_of_it in _paragraphs(body):
            yield from (["    " + line if line else "" for line in block] for block in _block(lines_of_it))
        return
    for item in _items(body):
        entry = ENTRY.match(item)
        yield [f"- ``{entry.group(1).replace('`', '')}``: {escape(entry.group(2))}" if entry else "- " + escape(item)]


def _items(body):
    """Entries of a section: a line without indent begins one, indented lines go on."""
    items: list[str] = []
    for line in body.split("\n"):
        if line[:1].strip() or not items:
            items.append(line.strip())
        else:
            items[-1] += " " + line.strip()
    return items


def escape(text: str) -> str:
    """Plain text as reStructuredText, with `code` in single backticks as literals."""
    parts = re.split(r"(`{1,2}[^`]+`{1,2})", text)
    return "".join(_code(part) if i % 2 else SPECIAL.sub(r"\\\1", part) for i, part in enumerate(parts))


def _code(part):
    inner = part.strip("`")
    return f"``{inner.strip()}``\\ " if inner.strip() else ""

"""Makes self-contained pages, to be printed, of the French manuals of this folder's parent: drawings and pictures are in them.

    guide.py PICTURES OUT      PICTURES has NAME.png for each `<!-- image: NAME | CAPTION -->` of a manual; `./dev guide` takes them

A manual that asks for a picture that is not there is an error.
"""

import base64
import html
import re
import sys
from pathlib import Path

from markdown_it import MarkdownIt

MANUALS = (
    "technicien",
    "technicien-wifi",
    "enseignant",
    "filtrage",
    "test-du-filtre",
    "ent-hors-ligne",
    "journal-scelle",
    "hub-commune",
)
DOCS = Path(__file__).resolve().parent.parent
STYLE = Path(__file__).with_name("guide.css")
MARK = re.compile(r"<!-- image: ([a-z0-9-]+) \| (.+?) -->")
KINDS = {".svg": "image/svg+xml", ".png": "image/png"}


def data_url(path):
    """A file as an address that has all of it."""
    return f"data:{KINDS[path.suffix]};base64,{base64.b64encode(path.read_bytes()).decode()}"


def figure(pictures, name, caption):
    path = pictures / f"{name}.png"
    if not path.is_file():
        raise SystemExit(f"guide.py: no picture {path}")
    caption = html.escape(caption)
    return f'<figure><img src="{data_url(path)}" alt="{caption}"><figcaption>{caption}</figcaption></figure>\n'


def place(title):
    """The name of a heading, as forges make it."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def prepare(tokens, pictures):
    """Drawings and pictures go into the page; what leads to a file that is not printed leads nowhere."""
    for before, token in zip([None, *tokens], tokens):
        if token.type == "inline":
            if before.type == "heading_open":
                before.attrSet("id", place(token.content))
            prepare_words(token.children)
        elif token.type == "html_block":
            found = MARK.findall(token.content)
            if MARK.sub("", token.content).strip():
                raise SystemExit(f"guide.py: neither text nor a picture: {token.content.strip()}")
            token.content = "".join(figure(pictures, *it) for it in found)


def prepare_words(words):
    """The same for what stands inside a paragraph."""
    is_link = True
    for word in words:
        if word.type == "image":
            word.attrSet("src", data_url(DOCS / word.attrGet("src")))
        elif word.type == "link_open":
            target = word.attrGet("href")
            file, _, spot = target.partition("#")
            name = file.removesuffix(".md")
            is_link = "://" in target or not file or name in MANUALS
            if name in MANUALS:
                word.attrSet("href", f"{name}.html" + (f"#{spot}" if spot else ""))
        if word.type in ("link_open", "link_close") and not is_link:
            word.tag, word.attrs = "span", {}


def main():
    pictures, out = map(Path, sys.argv[1:])
    out.mkdir(parents=True, exist_ok=True)
    markdown = MarkdownIt("commonmark").enable("table")
    for name in MANUALS:
        text = (DOCS / f"{name}.md").read_text(encoding="utf-8")
        tokens = markdown.parse(text)
        prepare(tokens, pictures)
        title = html.escape(text.splitlines()[0].removeprefix("# "))
        body = markdown.renderer.render(tokens, markdown.options, {})
        page = (
            f'<!DOCTYPE html>\n<html lang="fr">\n<head>\n<meta charset="utf-8">\n<title>{title}</title>\n'
            f"<style>\n{STYLE.read_text(encoding='utf-8')}</style>\n</head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n"
        )
        (out / f"{name}.html").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()

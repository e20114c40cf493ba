"""What helps to learn: questions that answer, and words that lead to the glossary.

- `recall` is a question with answers. Opening an answer shows what it is worth; no script is
  needed, and a keyboard or a screen reader opens it as it opens any other `<details>`.

      ```{recall} What does a Gram matrix keep?
      yes: Which channels fire together. | Each entry is a sum over all positions.
      no: Where each channel fires. | A sum does not depend on the order of its terms.
      ```

- The first time that a chapter uses a term of book/glossary.md, the word becomes a link.
- A page with an element that a script fills, such as `<div data-gram-toy></div>`, loads that
  script and its style sheet; other pages do not.
"""

import re

from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.application import Sphinx
from sphinx.util.nodes import make_refnode

VERDICTS = {"yes": "Right.", "no": "No."}
ANSWER = re.compile(r"^(yes|no): (.+?) \| (.+)$")


def raw(html: str) -> nodes.raw:
    return nodes.raw("", html, format="html")


class Recall(Directive):
    """A question (the argument), and a line for each answer: `yes: answer | why`."""

    required_arguments = 1
    final_argument_whitespace = True
    has_content = True

    def inline(self, text: str) -> list[nodes.Node]:
        return self.state.inline_text(text, self.lineno)[0]

    def run(self) -> list[nodes.Node]:
        box = nodes.container(classes=["recall"])
        box += nodes.paragraph("", "", *self.inline(self.arguments[0]), classes=["question"])
        answers = [ANSWER.match(line) for line in self.content]
        if not all(answers) or [a[1] for a in answers].count("yes") != 1:
            raise self.error("wanted are lines like 'no: answer | why', one of them with 'yes'")
        for answer in answers:
            box += raw(f'<details class="answer {answer[1]}"><summary>')
            box += self.inline(answer[2])
            box += raw("</summary>")
            verdict = nodes.strong("", VERDICTS[answer[1]])
            box += nodes.paragraph("", "", verdict, nodes.Text(" "), *self.inline(answer[3]))
            box += raw("</details>")
        return [box]


def link_first_uses(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Link the first use of each term in the running text of a chapter."""
    if not docname.startswith("notebooks/"):
        return
    terms = {
        name.lower(): (label, document)
        for name, _, kind, document, label, _ in app.env.get_domain("std").get_objects()
        if kind == "term"
    }
    for text in list(doctree.findall(nodes.Text)):
        if terms and _is_running_text(text):
            _link(app, text, terms, docname)


def _is_running_text(text: nodes.Text) -> bool:
    """In a paragraph, and not within a link, a formula, a caption or a question."""
    ancestors, node = [], text.parent
    while node is not None:
        ancestors.append(node)
        node = node.parent
    barred = (nodes.reference, nodes.literal, nodes.math, nodes.caption, nodes.title)
    classes = {c for a in ancestors if isinstance(a, nodes.Element) for c in a.get("classes", [])}
    return (
        any(isinstance(a, nodes.paragraph) for a in ancestors)
        and not any(isinstance(a, barred) for a in ancestors)
        and not classes & {"recall", "cell_output", "dropdown"}
    )


def _link(app: Sphinx, text: nodes.Text, terms: dict, docname: str) -> None:
    """Replace `text` by itself with a link on each term's first use; takes these from `terms`."""
    pieces, rest = [], str(text)
    while terms:
        # The longest first: "total variation" before "variation".
        names = "|".join(re.escape(name) for name in sorted(terms, key=len, reverse=True))
        found = re.search(rf"\b({names})(s|es)?\b", rest, re.IGNORECASE)
        if not found:
            break
        label, document = terms.pop(found[1].lower())
        word = nodes.inline("", found[0])
        link = make_refnode(app.builder, docname, document, label, word)
        link["classes"].append("term-link")
        pieces += [nodes.Text(rest[: found.start()]), link]
        rest = rest[found.end() :]
    if pieces:
        text.parent.replace(text, [*pieces, nodes.Text(rest)])


TOYS = {"data-gram-toy": "gram"}  # attribute: script and style sheet in book/_static


def add_toys(app: Sphinx, pagename, templatename, context, doctree) -> None:
    for attribute, name in TOYS.items():
        if re.search(rf"<div\b[^>]*\b{attribute}\b", context.get("body", "")):
            app.add_css_file(f"{name}.css")
            app.add_js_file(f"{name}.js", loading_method="defer")


def setup(app: Sphinx) -> dict:
    app.add_directive("recall", Recall)
    app.connect("html-page-context", add_toys)
    app.connect("doctree-resolved", link_first_uses)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

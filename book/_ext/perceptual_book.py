"""The book's small Sphinx extension: pages that ask no other host, and some mends.

- Formulas and widgets use the scripts that book/tools/vendor.py fetched. Where they are missing,
  Sphinx's defaults (a public CDN) stay, and the build says so.
- An inline script appears once on a page. Sphinx writes a script twice that an extension adds
  while the builder already exists, and a `const` that is declared twice is an error.
- Labels of widgets are typeset by the pages' MathJax, and sliders and pictures have names.
- The theme's buttons are read as they are named, and its logo lies in a landmark.
- The docstring of a constant may contain a colon.
- myst-nb's hidden cells know the `html` builder but not `singlehtml`, which borrows the visitors.
"""

from pathlib import Path

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.util import logging

logger = logging.getLogger(__name__)

# Paths below _static/, as the pages ask for them.
MATHJAX = "vendor/mathjax/es5/tex-chtml.js"
WIDGETS = "vendor/html-manager/embed.js"

# The widgets' manager typesets labels through MathJax 2's queue; the pages have MathJax 3.
QUEUE_FOR_WIDGETS = """
document.addEventListener("DOMContentLoaded", () => {
  if (!window.MathJax || MathJax.Hub) return;
  const typeset = (element) =>
    MathJax.startup.promise.then(() => MathJax.typesetPromise([element]));
  MathJax.Hub = { Queue: ([, , element]) => typeset(element) };
});
"""

# Widgets draw sliders and pictures without names; a screen reader needs some.
NAMES_FOR_WIDGETS = """
document.addEventListener("DOMContentLoaded", () => {
  if (!document.querySelector("script[type='application/vnd.jupyter.widget-view+json']")) return;
  const name = () => {
    for (const handle of document.querySelectorAll(".noUi-handle:not([aria-label])")) {
      const label = handle.closest(".jupyter-widgets")?.querySelector(".widget-label");
      handle.setAttribute("aria-label", label?.textContent.trim() || "choose");
    }
    for (const image of document.querySelectorAll("img.widget-image:not([alt])"))
      image.alt = "the picture for these settings";
  };
  new MutationObserver(name).observe(document.body, { childList: true, subtree: true });
  name();
});
"""


# The theme's buttons must be read as they are seen, and its logo must lie in a landmark. Another
# script makes pictures of the icons, which would be read too; on a busy machine after loading.
NAMES_FOR_THEME = """
window.addEventListener("load", () => {
  const hide = () => {
    for (const icon of document.querySelectorAll("svg.theme-switch")) {
      icon.querySelector("title")?.remove();
      icon.removeAttribute("aria-labelledby");
      icon.removeAttribute("role");
      icon.setAttribute("aria-hidden", "true");
    }
  };
  const changed = new MutationObserver(hide);
  for (const button of document.querySelectorAll(".theme-switch-button"))
    changed.observe(button, { childList: true, subtree: true });
  hide();
  for (const search of document.querySelectorAll(".search-button-field"))
    search.removeAttribute("aria-label");
  const logo = document.querySelector(".navbar-brand")?.parentElement;
  logo?.setAttribute("role", "region");
  logo?.setAttribute("aria-label", logo.textContent.trim());
});
"""


def use_vendored_scripts(app: Sphinx, config: Config) -> None:
    """Point MathJax and the widgets' manager at our own copies, where there are any."""
    static = Path(app.confdir) / "book" / "_static"
    if (static / MATHJAX).is_file():
        config.mathjax_path = MATHJAX
    else:
        logger.info("MathJax is not vendored: formulas will be drawn by a script from a CDN")
    if (static / WIDGETS).is_file():
        # embed.js is complete in itself: no require.js.
        config.nb_ipywidgets_js = {WIDGETS: {}}
    else:
        logger.info("html-manager is not vendored: widgets will be drawn by a script from a CDN")


def drop_repeated_scripts(app, pagename, templatename, context, doctree) -> None:
    """Keep the first of several inline scripts with the same text."""
    seen = set()
    kept = []
    for script in context.get("script_files", []):
        body = getattr(script, "attributes", {}).get("body")
        if body is not None:
            if body in seen:
                continue
            seen.add(body)
        kept.append(script)
    if "script_files" in context:
        context["script_files"] = kept


def lend_html_visitors(app: Sphinx) -> None:
    """Let the one-page builder write every node that the html builder can write."""
    handlers = app.registry.translation_handlers
    single = handlers.setdefault("singlehtml", {})
    for node, visitors in handlers.get("html", {}).items():
        single.setdefault(node, visitors)


_attribute_docstrings: dict[str, list[str]] = {}


def remember_attribute_docstring(app, what, name, obj, options, lines) -> None:
    """Before napoleon: keep the docstring of a constant as it was written."""
    if what in {"attribute", "data"}:
        _attribute_docstrings[name] = list(lines)


def restore_attribute_docstring(app, what, name, obj, options, lines) -> None:
    """After napoleon, which takes the words before a colon for the constant's type."""
    if name in _attribute_docstrings:
        lines[:] = _attribute_docstrings.pop(name)


def setup(app: Sphinx) -> dict:
    # Jupyter Book always sets this; the extension that reads it is left out in _config.yml.
    app.add_config_value("comments_config", {}, "html")
    # Early, because myst-nb and sphinx.ext.mathjax read their settings at the same event.
    app.connect("config-inited", use_vendored_scripts, priority=100)
    app.connect("builder-inited", lend_html_visitors)
    app.add_js_file(None, body=QUEUE_FOR_WIDGETS)
    app.add_js_file(None, body=NAMES_FOR_WIDGETS)
    app.add_js_file(None, body=NAMES_FOR_THEME)
    app.connect("html-page-context", drop_repeated_scripts, priority=900)
    app.connect("autodoc-process-docstring", remember_attribute_docstring, priority=400)
    app.connect("autodoc-process-docstring", restore_attribute_docstring, priority=600)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

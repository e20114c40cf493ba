"""How long the book's page Try it takes to paint and to enlarge, in a browser without a GPU.

    python experiments/try_times.py

Opens the built page (`make book`) in a headless Chromium, gives it square photographs, and presses
its button again and again. WebAssembly has one thread there. Each row has a fresh tab, whose first
picture is not counted: it fetches and starts the runtime. Writes data/results/try_times.json. The
machine should do nothing else meanwhile.
"""

import importlib.util
import json
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from shared import result_parser

from perceptual_edu import load_image, photo, to_pil
from perceptual_edu.evaluation import make_report, write_report

ROOT = Path(__file__).resolve().parents[1]
PAGE = "book/try_it.html"
PHOTOGRAPH = "neuschwanstein_castle"
VERSION = ROOT / "book" / "_static" / "vendor" / "onnxruntime-web" / "VERSION"
VERBS = {"paint": "Paint", "enlarge": "Enlarge"}
LIMIT = 300_000  # milliseconds for one picture

spec = importlib.util.spec_from_file_location("browser", ROOT / "book" / "tools" / "browser.py")
browser = importlib.util.module_from_spec(spec)
spec.loader.exec_module(browser)


def main() -> None:
    """Time the page and write the report."""
    parser = result_parser(__doc__, "try_times")
    parser.add_argument("--site", type=Path, default=browser.HTML, help="folder of the built book")
    parser.add_argument("--paint", type=int, nargs="+", default=[256, 512], help="sides, pixels")
    parser.add_argument("--enlarge", type=int, nargs="+", default=[128], help="sides, pixels")
    parser.add_argument("--count", type=int, default=9, help="pictures that are counted")
    arguments = parser.parse_args()
    if not (arguments.site / PAGE).is_file() or not VERSION.is_file():
        parser.error(f"{arguments.site / PAGE} or npm's runtime is missing: run `make book` first")
    if not browser.find_chromium():
        parser.error(browser.HOW_TO_GET)
    torch.set_num_threads(1)  # as many as the page has: the report names them
    network = contents(arguments.site)["networks"][0]
    load = round(os.getloadavg()[0], 1)  # what else the machine did in the last minute
    work = [("paint", side) for side in arguments.paint]
    work += [("enlarge", side) for side in arguments.enlarge]
    with browser.served(arguments.site) as address, browser.chromium() as chromium:
        rows = list(measured(chromium, f"{address}/{PAGE}", work, arguments.count))
        settings = {
            "browser": f"Chromium {chromium.version}, headless, without a GPU",
            "runtime": VERSION.read_text().strip(),
            "threads": 1,
            "network": network["name"],
            "width": network["width"],
            "photograph": PHOTOGRAPH,
            "count": arguments.count,
            "load before": load,
        }
    what = "seconds of a network's pass on the page Try it (for enlarging: of two networks)"
    write_report(make_report(what, settings, rows=rows), arguments.out)


def contents(site: Path) -> dict:
    """What the page of this folder has: book/tools/try_it.py wrote it as a script of one call."""
    script = (site / "_static" / "try" / "made" / "contents.js").read_text()
    return json.loads(script[script.index("{") : script.rindex("}") + 1])


def measured(chromium, page: str, work: list, count: int) -> Iterator[dict]:
    """A row for each kind of work and side."""
    with tempfile.TemporaryDirectory() as scratch:
        for kind, side in work:
            picture = Path(scratch) / f"{kind}_{side}.png"
            to_pil(load_image(photo(PHOTOGRAPH), square=side)).save(picture)
            tab = browser.calm_context(chromium).new_page()
            tab.set_default_timeout(LIMIT)
            tab.goto(page)
            wait(tab, "ready")
            tab.locator(f"#try-modes label:has([value={kind}])").click()
            largest = tab.locator("#try-size option").last.get_attribute("value")
            tab.get_by_label("Longer side").select_option(largest)
            tab.get_by_label("Open a file").set_input_files(picture)
            tab.locator("#try-status", has_text=picture.name).wait_for()
            began = time.perf_counter()
            press(tab, VERBS[kind], side)
            first = time.perf_counter() - began
            seconds = [press(tab, VERBS[kind], side) for _ in range(count)]
            tab.context.close()
            yield {
                "work": kind,
                "side": side,
                "median": round(statistics.median(seconds), 4),
                "seconds": [round(value, 4) for value in seconds],
                "first picture, from the press": round(first, 2),
            }


def press(tab, verb: str, side: int) -> float:
    """One picture: seconds, as the page itself measures them."""
    tab.evaluate("document.querySelector('#try-status').dataset.state = 'asked'")
    tab.get_by_role("button", name=verb).click()
    wait(tab, "done")
    words = tab.locator("#try-status").inner_text()
    large = side if verb == "Paint" else 4 * side
    if f"{large} × {large} pixels" not in words or "one core of the processor" not in words:
        raise SystemExit(f"this was not what is measured: {words}")
    return float(tab.locator("#try-status").get_attribute("data-seconds"))


def wait(tab, state: str) -> None:
    """Until the page is so far; SystemExit with the page's words if it has an error."""
    tab.wait_for_selector(f"#try-status:is([data-state={state}], [data-state=error])")
    if tab.locator("#try-status").get_attribute("data-state") == "error":
        raise SystemExit(tab.locator("#try-status").inner_text())


if __name__ == "__main__":
    main()

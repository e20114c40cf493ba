"""Full-page pictures of every page of the built book, for those who review it.

    python book/tools/screenshots.py FOLDER [--page book/intro.html ...]

Each page is taken in light and in dark mode at 1280 pixels, and in light mode on a phone.
"""

import argparse
from pathlib import Path

from browser import calm_context, check_there_are_pages, chromium, pages, served

VIEWS = {
    "light": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}, "color_scheme": "light"},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where the PNG files go")
    parser.add_argument("--page", action="append", help="only this page; may be repeated")
    parser.add_argument("--view", action="append", choices=VIEWS, help="only this view")
    options = parser.parse_args()
    check_there_are_pages()
    options.folder.mkdir(parents=True, exist_ok=True)
    with served() as address, chromium() as browser:
        for view in options.view or VIEWS:
            context = calm_context(browser, **VIEWS[view])
            # The theme asks its own setting first and the system's wish second.
            context.add_init_script(
                f"localStorage.setItem('mode', '{'dark' if view == 'dark' else 'light'}')"
            )
            tab = context.new_page()
            for page in options.page or pages():
                tab.goto(f"{address}/{page}", wait_until="networkidle")
                # Pictures load when they come into view: walk down the page once.
                tab.evaluate(
                    """async () => {
                        for (const image of document.images) image.loading = "eager";
                        const all = [...document.images].map((i) => i.decode().catch(() => {}));
                        await Promise.all(all);
                    }"""
                )
                name = f"{page.removesuffix('.html').replace('/', '-')}-{view}.png"
                tab.screenshot(path=options.folder / name, full_page=True)
                print(options.folder / name)
            context.close()


if __name__ == "__main__":
    main()

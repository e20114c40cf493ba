// Sections that are marked as deeper are folded. book/_ext/perceptual_pages.py writes the button and
// the part of the section that it shows, as they are without JavaScript: nothing is hidden, and there
// is no button. This runs in the head and folds each part as the page arrives, so that none is seen
// to vanish. What a reader has opened stays open as long as the tab lives.
"use strict";
(() => {
  // Where a browser can, it searches hidden text too, and opens what it finds.
  const HIDDEN = "onbeforematch" in document.documentElement ? "until-found" : "";
  const KEY = `perceptual_edu.deeper:${location.pathname}`;
  const parts = document.getElementsByClassName("deeper-part"); // grows while the page arrives
  const isOpen = (part) => !part.hasAttribute("hidden");
  let kept = [];
  try {
    kept = [...JSON.parse(sessionStorage.getItem(KEY) ?? "[]")];
  } catch { /* no storage here, or not ours: all is folded */ }

  function set(part, open) {
    if (open) part.removeAttribute("hidden");
    else part.setAttribute("hidden", HIDDEN);
    const button = part.previousElementSibling;
    button.textContent = `${open ? "Hide" : "Show"} this section`;
    button.setAttribute("aria-expanded", open);
    const all = document.querySelector(".deeper-all");
    all.textContent = `${[...parts].every(isOpen) ? "Hide" : "Show"} all deeper sections`;
  }
  function change(part, open) {
    set(part, open);
    try {
      const open = [...parts].filter(isOpen).map((part) => part.id);
      sessionStorage.setItem(KEY, JSON.stringify(open));
    } catch { /* only for now, then */ }
  }

  let met = 0;
  function meet() {
    while (met < parts.length) {
      const part = parts[met++];
      const button = part.previousElementSibling;
      set(part, kept.includes(part.id));
      button.onclick = () => change(part, !isOpen(part));
      button.hidden = document.querySelector(".deeper-all").hidden = false;
      part.addEventListener("beforematch", () => change(part, true));
    }
  }
  const arriving = new MutationObserver(meet);
  arriving.observe(document, { childList: true, subtree: true });

  // What `#name` leads to, and the folded parts that stand before it: those around it, and its own
  // if it is the section itself.
  function reveal(hash) {
    let target = null;
    try {
      target = document.getElementById(decodeURIComponent(hash.slice(1)));
    } catch { /* no name */ }
    const folded = [...parts].filter((part) =>
      !isOpen(part) && (part.contains(target) || part.parentElement === target?.closest("section")));
    for (const part of folded) change(part, true);
    return folded.length ? target : null;
  }

  document.addEventListener("DOMContentLoaded", () => {
    meet();
    arriving.disconnect();
    reveal(location.hash)?.scrollIntoView();
    const all = document.querySelector(".deeper-all");
    all.onclick = () => {
      const open = ![...parts].every(isOpen);
      for (const part of parts) change(part, open);
    };
  });
  addEventListener("hashchange", () => reveal(location.hash)?.scrollIntoView());
  // Before the browser follows a link, so that there is a place to scroll to; and a second time.
  addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href]");
    if (link?.hash && link.href.split("#")[0] === location.href.split("#")[0]) reveal(link.hash);
  }, true);
})();

// A Gram matrix to play with (chapter 3): two 2 x 2 maps, the matrix psi of their positions, and
// G = psi psi^T / (C H W). Fills every <div data-gram-toy>; without JavaScript nothing is shown.
"use strict";
(() => {
  const START = [[1, 2, 0, 1], [0, 1, 3, 1]]; // each map row by row: positions a b / c d
  const NAMES = ["φ₁", "φ₂"];
  const PLACES = ["a", "b", "c", "d"];
  const DIVISOR = 2 * 2 * 2; // C H W
  const LARGEST = 99;
  const QUESTION = "Which of these buttons change G? Guess before you press.";
  const FAR = 6; // pixels from which a press is a drag

  const element = (tag, properties = {}, ...children) => {
    const { attributes = {}, ...rest } = properties;
    const made = Object.assign(document.createElement(tag), rest);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
  };
  const number = (value) => String(Math.round(value * 1000) / 1000);
  const same = (a, b) => a.flat().every((value, i) => Math.abs(value - b.flat()[i]) < 1e-9);
  const gram = (psi) =>
    psi.map((one) => psi.map((two) => one.reduce((sum, x, i) => sum + x * two[i], 0) / DIVISOR));

  function fill(root) {
    let psi = START.map((map) => [...map]);
    let picked = null; // a position that waits for the other one

    // ---------------------------------------------------------------- what is seen

    // maps[c][place]: {cell, input, handle}
    const maps = NAMES.map((name, c) => PLACES.map((place, p) => {
      const input = element("input", {
        type: "number", min: 0, max: LARGEST, step: "any", inputMode: "decimal",
        autocomplete: "off", ariaLabel: `${name} at position ${place}`,
      });
      input.oninput = () => write(c, p, input.value);
      input.onchange = () => (input.value = psi[c][p]);
      const step = (by, sign) => element("button", {
        type: "button", className: "gram-step", tabIndex: -1, textContent: sign,
        ariaLabel: `${name} at position ${place} ${by > 0 ? "more" : "less"}`,
        onclick: () => write(c, p, psi[c][p] + by, input),
      });
      const handle = element("button", {
        type: "button", className: "gram-handle", textContent: place,
        ariaLabel: `Position ${place}, move it in both maps`,
      });
      const value = element("span", { className: "gram-value" }, step(-1, "−"), input, step(1, "+"));
      const cell = element("div", { className: "gram-cell" }, handle, value);
      listen(handle, p);
      return { cell, input, handle };
    }));
    const row = (c, count) => {
      const cells = Array.from({ length: count }, () => element("td"));
      const head = element("th", { scope: "row", textContent: NAMES[c] });
      return { tr: element("tr", {}, head, ...cells), cells };
    };
    const table = (label, heads, rows) => element("table", { ariaLabel: label },
      element("thead", {}, element("tr", {}, element("td"),
        ...heads.map((textContent) => element("th", { scope: "col", textContent })))),
      element("tbody", {}, ...rows.map(({ tr }) => tr)));
    const psiRows = NAMES.map((_, c) => row(c, PLACES.length));
    const gramRows = NAMES.map((_, c) => row(c, NAMES.length));
    const sums = [[0, 0], [1, 1], [0, 1]].map(([c, d]) => ({ c, d, line: element("li") }));
    const status = element("p", { className: "gram-status", role: "status" });
    const button = (textContent, onclick) =>
      element("button", { type: "button", className: "gram-button", textContent, onclick });

    const figure = (title, ...content) =>
      element("div", { className: "gram-part" },
        element("div", { className: "gram-title", ariaHidden: "true", textContent: title }),
        ...content);
    root.classList.add("gram-toy");
    root.setAttribute("role", "group");
    root.setAttribute("aria-label", "A Gram matrix to play with");
    root.replaceChildren(
      element("div", { className: "gram-parts" },
        ...maps.map((places, c) => figure(NAMES[c],
          element("div",
            { className: "gram-map", role: "group", ariaLabel: `${NAMES[c]}, two by two positions` },
            ...places.map(({ cell }) => cell)))),
        figure("ψ", table("ψ: a row for each map, a column for each position", PLACES, psiRows)),
        figure("G = ψψᵀ / (C H W)", table("G, the Gram matrix", NAMES, gramRows))),
      element("ul", { className: "gram-sums", ariaLabel: "Entries of G" },
        ...sums.map(({ line }) => line)),
      element("div", { className: "gram-buttons" },
        button("Swap positions", swapTwo),
        button("Shuffle both", shuffleBoth),
        button("Shuffle only φ₁", shuffleOne),
        button("Reset", reset)),
      status,
      element("p", { className: "gram-hint", textContent:
        "Change the numbers. Drag a letter onto another, or choose two, one after the other: " +
        "both maps swap these positions." }));

    // Writes numbers, marks those that differ from `before`, and returns whether G changed.
    function show(before = psi) {
      const [now, then] = [gram(psi), gram(before)];
      const put = (cell, text, changed) => {
        cell.textContent = text;
        cell.classList.toggle("gram-changed", changed);
      };
      NAMES.forEach((_, c) => {
        PLACES.forEach((_, p) => {
          const { input } = maps[c][p];
          if (Number(input.value || NaN) !== psi[c][p] && input !== document.activeElement)
            input.value = psi[c][p];
          put(psiRows[c].cells[p], number(psi[c][p]), psi[c][p] !== before[c][p]);
        });
        NAMES.forEach((_, d) => {
          const changed = Math.abs(now[c][d] - then[c][d]) > 1e-9;
          put(gramRows[c].cells[d], number(now[c][d]), changed);
        });
      });
      for (const { c, d, line } of sums) {
        const terms = PLACES.map((_, p) => `${number(psi[c][p])}·${number(psi[d][p])}`);
        const entry = `G${"₁₂"[c]}${"₁₂"[d]}`;
        line.textContent = `${entry} = (${terms.join(" + ")}) / 8 = ${number(now[c][d])}`;
      }
      return !same(now, then);
    }

    const say = (text, changed) => {
      status.textContent = text;
      root.dataset.gram = changed ? "changed" : "same";
    };

    // ---------------------------------------------------------------- what can be done

    function change(next, what) {
      const before = psi;
      psi = next;
      const changed = show(before);
      say(what(changed), changed);
    }

    function write(c, p, text, input) {
      const value = Math.min(LARGEST, Math.max(0, Number(text) || 0));
      const next = psi.map((map) => [...map]);
      next[c][p] = Math.round(value * 1000) / 1000;
      change(next, (changed) => (changed ? "G changed." : "G stayed the same."));
      if (input) input.value = psi[c][p];
    }

    const moved = (map, order) => order.map((p) => map[p]);
    const moveBoth = (order) => psi.map((map) => moved(map, order));
    const STAYED = "G stayed the same: a sum does not ask for the order of its terms.";

    function swap(p, q) {
      pick(null);
      if (p === q) return;
      const order = [0, 1, 2, 3];
      [order[p], order[q]] = [q, p];
      const places = `${PLACES[Math.min(p, q)]} and ${PLACES[Math.max(p, q)]}`;
      change(moveBoth(order),
        () => `Positions ${places} changed places in both maps, and so did two columns of ψ. ${STAYED}`);
    }

    const ORDERS = [];
    for (const a of [0, 1, 2, 3]) for (const b of [0, 1, 2, 3]) for (const c of [0, 1, 2, 3])
      if (a !== b && a !== c && b !== c) ORDERS.push([a, b, c, 6 - a - b - c]);
    // One after which something looks different, where there is such a one.
    function draw(orders, isGood) {
      const good = orders.filter(isGood);
      const from = good.length ? good : orders;
      return from[Math.floor(Math.random() * from.length)];
    }
    const looksNew = (order) => !same(moveBoth(order), psi);

    function swapTwo() {
      const swaps = ORDERS.filter((order) => order.filter((p, i) => p !== i).length === 2);
      swap(...draw(swaps, looksNew).flatMap((p, i) => (p === i ? [] : [i])));
    }
    function shuffleBoth() {
      pick(null);
      const order = draw(ORDERS.slice(1), looksNew);
      change(moveBoth(order),
        () => `Both maps were shuffled alike: the columns of ψ changed places. ${STAYED}`);
    }
    function shuffleOne() {
      pick(null);
      const after = (order) => [moved(psi[0], order), psi[1]];
      const order = draw(ORDERS.slice(1), (order) => !same(gram(after(order)), gram(psi)));
      change(after(order), (changed) => changed
        ? "Only φ₁ was shuffled: other numbers meet now, and G₁₂ changed."
        : "Only φ₁ was shuffled. G stayed the same: with these numbers every order gives the same sum.");
    }
    function reset() {
      pick(null);
      change(START.map((map) => [...map]), () => "As at the start.");
    }

    // ---------------------------------------------------------------- by hand

    function pick(place) {
      picked = place;
      for (const places of maps)
        places.forEach(({ handle, cell }, p) => {
          handle.setAttribute("aria-pressed", p === place);
          cell.classList.toggle("gram-picked", p === place);
        });
    }

    const mark = (name, place) => {
      for (const places of maps)
        places.forEach(({ cell }, p) => cell.classList.toggle(name, p === place));
    };

    function listen(handle, place) {
      let from = null; // where the pointer went down
      let dragged = false;
      let boxes; // of all cells, as they lay then

      const under = ({ clientX: x, clientY: y }) => boxes.find(
        ({ box }) => x >= box.left && x <= box.right && y >= box.top && y <= box.bottom)?.p;
      const drop = () => {
        from = null;
        mark("gram-moving", null);
        mark("gram-target", null);
      };

      handle.onpointerdown = (event) => {
        if (event.button) return;
        from = [event.clientX, event.clientY];
        dragged = false;
        handle.setPointerCapture(event.pointerId);
      };
      handle.onpointermove = (event) => {
        if (!from) return;
        const [x, y] = [event.clientX - from[0], event.clientY - from[1]];
        if (!dragged && Math.hypot(x, y) < FAR) return;
        if (!dragged) {
          dragged = true;
          pick(null);
          boxes = maps.flatMap((places) =>
            places.map(({ cell }, p) => ({ p, box: cell.getBoundingClientRect() })));
          mark("gram-moving", place);
        }
        root.style.setProperty("--x", `${x}px`);
        root.style.setProperty("--y", `${y}px`);
        const target = under(event);
        mark("gram-target", target === place ? null : target);
      };
      handle.onpointerup = (event) => {
        const target = from && dragged ? under(event) : undefined;
        drop();
        if (target !== undefined) swap(place, target);
      };
      handle.onpointercancel = drop;
      handle.onclick = () => {
        if (dragged) dragged = false; // the end of a drag is no choice
        else if (picked === null) {
          pick(place);
          say(`Position ${PLACES[place]} is chosen. Choose the one to swap it with.`, false);
        } else if (picked === place) {
          pick(null);
          say(QUESTION, false);
        } else swap(picked, place);
      };
      handle.onkeydown = ({ key }) => {
        if (!from) dragged = false;
        if (key !== "Escape") return;
        drop();
        pick(null);
      };
    }

    pick(null);
    show();
    say(QUESTION, false);
  }

  for (const root of document.querySelectorAll("[data-gram-toy]")) fill(root);
})();

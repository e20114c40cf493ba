// Two enlargements of one photograph, chosen blindly: NAME-a.avif is the feature loss's, NAME-b.avif
// SRCNN's (experiments/blind_choice.py). Answers are kept in localStorage where there is one.
(() => {
  const names = [
    "astronaut_eileen_collins", "cat_chelsea", "citrus_slices", "coral_reef", "hawa_mahal",
    "kingfisher", "lemurs", "neuschwanstein_castle", "petra", "red_panda", "scarlet_macaw",
    "tiger_in_snow",
  ];
  const LABELS = { a: "feature loss", b: "SRCNN" };
  const KEY = "perceptual_edu.choose";
  const folder = new URL("choose/", document.currentScript.src);
  const root = document.querySelector(".choose");
  const [status, pair, again] = ["status", "pair", "again"].map((part) =>
    root.querySelector(`.choose-${part}`));

  let answers = {};
  try {
    const kept = JSON.parse(localStorage.getItem(KEY)) ?? {};
    for (const name of names) if (kept[name] in LABELS) answers[name] = kept[name];
  } catch { /* no storage here, or not ours: begin anew */ }

  const shuffled = (list) => list.map((x) => [Math.random(), x]).sort((a, b) => a[0] - b[0])
    .map(([, x]) => x);
  const words = (name) => name.replaceAll("_", " ");
  const picture = (name, letter, alt) => {
    const image = new Image(256, 256);
    image.src = new URL(`${name}-${letter}.avif`, folder);
    image.alt = alt;
    return image;
  };
  let waiting = shuffled(names.filter((name) => !(name in answers)));

  function answer(name, letter) {
    answers[name] = letter;
    try { localStorage.setItem(KEY, JSON.stringify(answers)); } catch { /* only for now, then */ }
    waiting = waiting.filter((other) => other !== name);
    show();
    (pair.querySelector("button") ? root : again.querySelector("button")).focus({
      preventScroll: true,
    });
  }

  function ask(name) {
    status.textContent = `Pair ${names.length - waiting.length + 1} of ${names.length}: ` +
      "which looks better to you?";
    const sides = shuffled(["a", "b"]).map((letter, place) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(picture(name, letter, `${words(name)}, ${place ? "right" : "left"} picture`));
      button.onclick = () => answer(name, letter);
      return button;
    });
    pair.replaceChildren(...sides);
  }

  // Between which shares the true one lies, with 95 % confidence (Wilson).
  function interval(hits, trials) {
    const z = 1.96, share = hits / trials, spread = z * z / trials;
    const middle = share + spread / 2;
    const half = z * Math.sqrt(share * (1 - share) / trials + spread / trials / 4);
    return [middle - half, middle + half].map((end) => Math.round(100 * end / (1 + spread)));
  }

  function tell() {
    const hits = names.filter((name) => answers[name] === "a").length;
    const [low, high] = interval(hits, names.length);
    status.textContent = `You preferred the feature loss on ${hits} of ${names.length} pictures: ` +
      `${Math.round(100 * hits / names.length)} % (95 % interval ${low} to ${high} %). ` +
      "In the paper's study a majority preferred it on 96 % of BSD100, as published.";
    pair.replaceChildren(...names.map((name) => {
      const row = document.createElement("figure");
      const caption = document.createElement("figcaption");
      caption.textContent = `${words(name)}: ${LABELS.a}, ${LABELS.b}; you chose ` +
        LABELS[answers[name]];
      row.append(...["a", "b"].map((l) => picture(name, l, `${words(name)}, ${LABELS[l]}`)), caption);
      return row;
    }));
  }

  function show() {
    again.hidden = waiting.length === names.length;
    if (waiting.length) ask(waiting[0]); else tell();
  }

  again.querySelector("button").onclick = () => {
    answers = {};
    try { localStorage.removeItem(KEY); } catch { /* nothing was kept */ }
    waiting = shuffled(names);
    show();
    root.focus({ preventScroll: true });
  };
  document.addEventListener("keydown", (event) => {
    const place = ["ArrowLeft", "ArrowRight"].indexOf(event.key);
    const typing = event.target.closest("input, textarea, select");
    if (place < 0 || !waiting.length || typing || event.altKey || event.ctrlKey || event.metaKey)
      return;
    event.preventDefault();
    pair.querySelectorAll("button")[place].click();
  });
  show();
})();

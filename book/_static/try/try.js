// The page Try it: networks paint and enlarge in the reader's browser.
//
// One state, `now`, says what is chosen; `work` brings its result up to date with it, and `show`
// draws two views of the result, one on each side of a border. Large parts (the runtime, networks,
// photographs) are scripts that call `tryIt.take(name, value)`: a page that was opened from a file
// may load nothing else.
"use strict";
const tryIt = {};
(() => {
  const LARGEST = 1024; // pixels of the longer side of whatever is shown
  const SMALLEST = 16; // pixels of the shorter side
  const home = document.currentScript.src.replace(/[^/]*$/, "");
  const $ = (name) => document.getElementById(`try-${name}`);
  const element = (tag, properties, ...children) => {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  };
  const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;
  const seconds = (s) => (s < 10 ? `${s.toFixed(s < 1 ? 2 : 1)} s` : `${Math.round(s)} s`);

  let contents; // what there is: see book/tools/try_it.py
  const now = {
    photo: null, // {name, title, canvas, width, height: as it came}
    mode: null, // one of those below
    shares: new Map(), // style -> 1 .. 100
    result: null, // {key, width, height, views: name -> canvas}
  };

  // What can be done with a photograph. `pace`: seconds per pixel that goes in, times `cost`; a
  // guess at first, then what was measured here.
  const modes = {
    paint: {
      verb: "Paint",
      sizes: [256, 384, 512, 768, LARGEST],
      size: 512,
      pace: 6e-6,
      networks: () => [network()],
      cost: () => (network().width / 16) ** 1.7,
      key: () => [
        $("noise").checked,
        ...percents().map(([style, value]) => `${style.name} ${value.toFixed(2)}`),
      ],
      views: () => ["Before", "After"],
      make: makePainting,
      mix: ({ views }) => (views.After = mixture(views.Before, views.painted)),
    },
    enlarge: {
      verb: "Enlarge",
      sizes: [64, 96, 128, 192, LARGEST / 4],
      size: 128,
      pace: 1.6e-4,
      networks: () => contents.enlargers,
      cost: () => 1,
      key: () => [],
      views: () => [$("left").value, $("right").value],
      make: makeEnlargements,
      mix: ({ views, enlarged }) => Object.assign(views, enlarged[$("kept").checked ? 1 : 0]),
    },
  };

  // ---------------------------------------------------------------- parts

  const taken = {};
  const loading = {};
  tryIt.take = (name, value) => (taken[name] = value);

  // Of one part, once. `progress` hears how many bytes have come.
  async function part(name, progress) {
    loading[name] ??= load(`${home}made/${name}.js`, progress).catch(() => {
      delete loading[name];
      throw new Error(`${name}.js could not be loaded; is the page's server still there?`);
    });
    await loading[name];
    return taken[name];
  }

  async function load(address, progress) {
    const script = element("script", { src: address });
    if (progress && location.protocol !== "file:") {
      const reply = await fetch(address);
      if (!reply.ok) throw new Error(reply.status);
      const pieces = [];
      let bytes = 0;
      for (let reader = reply.body.getReader(), piece; !(piece = await reader.read()).done; ) {
        pieces.push(piece.value);
        progress((bytes += piece.value.length));
      }
      script.src = URL.createObjectURL(new Blob(pieces, { type: "text/javascript" }));
    }
    await new Promise((done, failed) => {
      script.onload = done;
      script.onerror = failed;
      document.head.append(script);
    });
    if (script.src !== address) URL.revokeObjectURL(script.src);
  }

  // ---------------------------------------------------------------- the worker

  let worker, runtime, checked;
  const asked = new Map();

  async function pickRuntime() {
    if ("webgpu" in contents.runtimes && navigator.gpu && WebAssembly.Suspending) {
      const adapter = await navigator.gpu.requestAdapter().catch(() => null);
      if (adapter && !(adapter.info ?? adapter).isFallbackAdapter) return "webgpu";
    }
    return "processor";
  }

  async function fetchRuntime() {
    if (!window.DecompressionStream || !window.createImageBitmap)
      throw new Error("this browser is too old; Chrome 103, Firefox 113 or Safari 16.4 will do");
    runtime ??= await pickRuntime();
    return part(`runtime_${runtime}`, fetching("the runtime", contents.runtimes[runtime]));
  }

  async function start({ ort, ...rest }) {
    say("Starting the runtime ...");
    const text = new Blob([ort, `\n(${tryIt.worker})();`], { type: "text/javascript" });
    const address = URL.createObjectURL(text);
    worker = new Worker(address);
    worker.onmessage = ({ data: { id, error, ...answer } }) => {
      const { done, failed } = asked.get(id);
      asked.delete(id);
      if (error) failed(new Error(error));
      else done(answer);
    };
    worker.onerror = (event) => abandon(event.message || "the worker could not start");
    await ask("start", rest);
    URL.revokeObjectURL(address);
  }

  const ask = (job, data, transfer = []) =>
    new Promise((done, failed) => {
      const id = crypto.getRandomValues(new Uint32Array(1))[0];
      asked.set(id, { done, failed });
      worker.postMessage({ id, job, ...data }, transfer);
    });

  function abandon(reason) {
    worker?.terminate();
    worker = checked = null;
    for (const { failed } of asked.values()) failed(new Error(reason));
    asked.clear();
  }

  // ---------------------------------------------------------------- words

  function say(text, state = "busy") {
    $("status").textContent = text;
    $("status").dataset.state = state;
  }
  function bar(part) {
    const progress = $("progress");
    progress.hidden = part === undefined;
    if (part === null) progress.removeAttribute("value");
    else if (part !== undefined) progress.value = part;
  }
  const fetching = (what, all) => (bytes) => {
    if (!working) return; // stopped; what is on its way may come
    say(`Fetching ${what}: ${megabytes(bytes)} of ${megabytes(all)}`);
    bar(bytes / all);
  };

  // ---------------------------------------------------------------- photographs

  // Shrunk at once to the largest size there is: whatever comes, the page's memory is bounded.
  function usePhoto(source, width, height, name, title) {
    const [w, h] = shrunk(width, height, LARGEST);
    if (Math.min(w, h) < SMALLEST)
      return say(`${title} is ${width} × ${height} pixels, which is too narrow.`, "error");
    now.photo = { name, title, width, height, canvas: drawn(source, w, h) };
    now.result = null;
    for (const button of $("photos").children)
      button.setAttribute("aria-pressed", button.dataset.name === name);
    show();
    sayPhoto();
    refresh();
  }

  function sayPhoto() {
    const { title, width, height } = now.photo;
    const hint = worker ? "" : ` Press ${now.mode.verb}.`;
    say(`${title}, ${width} × ${height} pixels.${hint}`, "ready");
  }

  function shrunk(width, height, longest) {
    const scale = Math.min(1, longest / Math.max(width, height));
    return [width, height].map((side) => Math.max(1, Math.round(side * scale)));
  }

  function drawn(source, width, height) {
    const canvas = element("canvas", { width, height });
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.imageSmoothingQuality = "high";
    context.fillStyle = "#fff"; // below what is transparent
    context.fillRect(0, 0, width, height);
    context.drawImage(source, 0, 0, width, height);
    return canvas;
  }

  async function openFile(file) {
    if (!file) return;
    try {
      const bitmap = await createImageBitmap(file);
      const name = file.name.replace(/\.\w+$/, "").replace(/[^\p{L}\p{N}_-]+/gu, "_") || "picture";
      cameraOff();
      usePhoto(bitmap, bitmap.width, bitmap.height, name, file.name || "The picture");
      bitmap.close();
    } catch {
      const hint = "Try JPEG, PNG or WebP (only Safari opens HEIC).";
      say(`${file.name || "This"} is not a picture that this browser can read. ${hint}`, "error");
    }
  }

  async function openOurs({ name, title }) {
    try {
      const image = element("img", { src: await part(`photo_${name}`) });
      await image.decode();
      cameraOff();
      usePhoto(image, image.naturalWidth, image.naturalHeight, name, title);
    } catch (error) {
      say(`${title}: ${error.message}`, "error");
    }
  }

  // ---------------------------------------------------------------- camera

  let stream;
  function cameraOff() {
    stream?.getTracks().forEach((track) => track.stop());
    stream = null;
    $("video").srcObject = null;
    $("video").hidden = $("shoot-buttons").hidden = true;
    $("paint-buttons").hidden = false;
    show();
  }

  async function cameraOn(facingMode) {
    cameraOff();
    $("camera").disabled = true; // until the browser has asked
    try {
      const video = { facingMode, width: { ideal: 1280 } };
      stream = await navigator.mediaDevices.getUserMedia({ video });
      const devices = await navigator.mediaDevices.enumerateDevices();
      $("turn").hidden = devices.filter(({ kind }) => kind === "videoinput").length < 2;
      $("turn").onclick = () => cameraOn(facingMode === "user" ? "environment" : "user");
      $("video").srcObject = stream;
      await $("video").play();
      $("video").hidden = $("shoot-buttons").hidden = false;
      $("paint-buttons").hidden = true;
      show();
      say("The camera is on.", "ready");
      $("shoot").scrollIntoView({ block: "nearest" });
      $("shoot").focus();
    } catch (error) {
      cameraOff();
      const reasons = {
        NotAllowedError: "The browser was not allowed to use the camera.",
        NotFoundError: "There is no camera.",
        NotReadableError: "Another program uses the camera.",
      };
      say(reasons[error.name] ?? `The camera did not start (${error.name}).`, "error");
    }
    $("camera").disabled = false;
  }

  function shoot() {
    const video = $("video");
    const [width, height] = [video.videoWidth, video.videoHeight];
    const picture = drawn(video, width, height);
    cameraOff();
    usePhoto(picture, width, height, "camera", "Your picture");
  }

  // ---------------------------------------------------------------- styles

  const button = ({ name, title, thumbnail }, onclick) =>
    element(
      "button",
      { type: "button", className: "try-thumb", onclick, title },
      element("img", { src: `${home}made/${thumbnail}`, alt: title, width: 72, height: 72 }),
      element("span", { textContent: title, ariaHidden: "true" }),
    );

  const mixing = () => $("mix").checked;
  const network = () => [...now.shares.keys()][0].network;

  function choose(style) {
    if (!mixing()) now.shares = new Map([[style, 50]]);
    else if (!now.shares.has(style)) now.shares.set(style, 50);
    else if (now.shares.size > 1) now.shares.delete(style);
    drawStyles();
    refresh();
  }

  function drawStyles() {
    const mixed = mixing();
    for (const each of contents.styles) {
      each.button.setAttribute("aria-pressed", now.shares.has(each));
      each.button.disabled = mixed && each.network !== network();
    }
    const hint = $("mix-hint");
    hint.hidden = !mixed;
    hint.textContent =
      now.shares.size < 2 ? "Choose a second style, or more." : "Choose one again to take it out.";
    const several = mixed && now.shares.size > 1;
    $("shares").replaceChildren(...(several ? [...now.shares.keys()].map(share) : []));
    drawShares();
  }

  function share(style) {
    const input = element("input", {
      type: "range", min: 1, max: 100, value: now.shares.get(style), ariaLabel: style.title,
    });
    const change = (lazily) => {
      now.shares.set(style, Number(input.value));
      drawShares();
      refresh(lazily);
    };
    input.oninput = () => change(true);
    input.onchange = () => change(false);
    const [name, value] = [element("span", { textContent: style.title }), element("output")];
    return element("label", { className: "try-slider" }, name, input, value);
  }

  function percents() {
    const sum = [...now.shares.values()].reduce((a, b) => a + b, 0);
    return [...now.shares].map(([style, value]) => [style, (100 * value) / sum]);
  }

  function drawShares() {
    const values = percents();
    [...$("shares").children].forEach((label, i) => {
      const words = `${Math.round(values[i][1])} %`;
      label.lastChild.textContent = words;
      label.children[1].setAttribute("aria-valuetext", words);
    });
    $("command").textContent = now.mode === modes.paint ? paintCommand(values) : enlargeCommand();
  }

  function enlargeCommand() {
    const model = /pixel/i.test($("right").value) ? "pixel" : "feature";
    const colours = $("kept").checked ? "" : " --no-keep-colors";
    return `perceptual-edu upscale small.png --model ${model}${colours} -o large.png`;
  }

  function paintCommand(values) {
    const names = values.map(([style, value]) => `${style.name}:${(value / 100).toFixed(2)}`);
    const style = names.length > 1 ? names.join("+") : values[0][0].name;
    const strength = $("strength").value / 100;
    const size = $("size").value;
    const shrinks = now.photo && Math.max(now.photo.width, now.photo.height) > size;
    return [
      `perceptual-edu stylize photo.jpg --style ${style}`,
      network().styles.length > 1 && `--network ${network().name}`,
      strength < 1 && `--strength ${strength}`,
      $("colours").checked && "--keep-colors",
      $("noise").checked && `--noise ${contents.noise.deviation}`,
      shrinks && `--size ${size}`,
      "-o painted.png",
    ].filter(Boolean).join(" ");
  }

  // ---------------------------------------------------------------- sizes and times

  const expected = (width, height) => now.mode.pace * now.mode.cost() * width * height;

  function setMode(name) {
    now.mode = modes[name];
    now.result = null;
    for (const each of document.querySelectorAll("[data-for]"))
      each.hidden = each.dataset.for !== name;
    $("paint").textContent = now.mode.verb;
    $("size").replaceChildren(...now.mode.sizes.map((size) => new Option(size, size)));
    $("size").value = now.mode.size;
    show();
    if (now.photo) sayPhoto();
    refresh();
  }

  function describeSizes() {
    const { width, height } = now.photo;
    for (const option of $("size").options) {
      const [w, h] = shrunk(width, height, option.value);
      const about = now.mode.measured ? "" : "about ";
      option.textContent = `${option.value} pixels (${about}${seconds(expected(w, h))})`;
    }
    const [w, h] = shrunk(width, height, $("size").value);
    $("size-hint").textContent =
      (w === width
        ? `The picture stays as it is: ${w} × ${h} pixels.`
        : `The picture is shrunk from ${width} × ${height} to ${w} × ${h} pixels.`) +
      (now.mode === modes.enlarge ? ` It becomes ${4 * w} × ${4 * h}.` : "");
  }

  function describeWeight() {
    const missing = [];
    if (!worker) missing.push(contents.runtimes[runtime ?? "processor"]);
    for (const each of now.mode.networks()) if (!(each.part in loading)) missing.push(each.bytes);
    const sum = missing.reduce((a, b) => a + b, 0);
    $("weight").textContent = sum ? `fetches ${megabytes(sum)}, once` : "";
  }

  // ---------------------------------------------------------------- work

  const wanted = () => {
    const [w, h] = shrunk(now.photo.width, now.photo.height, $("size").value);
    const parts = now.mode.networks().map((each) => each.part);
    return { w, h, key: [now.photo.name, w, h, ...parts, ...now.mode.key()].join() };
  };

  // After a change. `lazily`: more changes may follow soon, and so what takes long can wait.
  function refresh(lazily) {
    describeWeight();
    if (now.photo) describeSizes();
    drawShares();
    if (!worker || !now.photo) return;
    const { w, h } = wanted();
    if (!(lazily && expected(w, h) > 1)) work();
  }

  const STOPPED = "Stopped.";
  let working = false;
  let round = 0; // grows with each beginning and each Stop
  let halt;

  async function work() {
    if (working || !now.photo || now.result?.key === wanted().key) return;
    working = true;
    const mine = ++round;
    const halted = new Promise((_, failed) => (halt = failed));
    $("paint").hidden = true;
    $("stop").hidden = false;
    say("Beginning ...");
    bar(null);
    try {
      while (now.result?.key !== wanted().key) // it may change meanwhile
        await Promise.race([workOnce(() => mine === round), halted]);
    } catch ({ message }) {
      if (message === STOPPED) say(STOPPED, "stopped");
      else {
        abandon();
        say(`It did not work: ${message}.`, "error");
      }
    }
    working = false;
    bar();
    $("paint").hidden = false;
    $("stop").hidden = true;
    describeWeight();
  }

  function stop() {
    round++;
    abandon(STOPPED);
    halt(new Error(STOPPED));
  }

  // A graphics card that does not answer must not keep anybody waiting: the processor will.
  async function isSound(name, model) {
    if (runtime !== "webgpu" || checked) return true;
    say("Trying the graphics card ...");
    const late = new Promise((done) => setTimeout(done, 20_000, null));
    checked = await Promise.race([ask("open", { network: name, model }), late]);
    if (checked) return true;
    asked.clear();
    abandon();
    runtime = "processor";
    return false;
  }

  async function workOnce(isWanted) {
    const { w, h, key } = wanted();
    const { photo, mode } = now;
    const networks = mode.networks();
    const models = [];
    if (!worker) {
      const parts = await fetchRuntime();
      if (!isWanted()) return;
      await start(parts);
    }
    for (const { part: name, bytes } of networks)
      models.push(await part(name, fetching("the network", bytes)));
    if (!isWanted() || key !== wanted().key) return;
    if (!(await isSound(networks[0].part, models[0])) || !isWanted()) return;
    const [cost, estimate] = [mode.cost(), expected(w, h)];
    const began = performance.now();
    const ticking = setInterval(
      () => bar(Math.min(0.98, (performance.now() - began) / 1000 / estimate)), 50);
    const small = drawn(photo.canvas, w, h);
    const answers = [];
    try {
      const make = mode.make(photo, small);
      for (const [i, each] of networks.entries()) {
        const pixels = pixelsOf(small).data.buffer;
        const data = { network: each.part, model: models[i], pixels, width: w, height: h };
        answers.push(await ask("run", { ...data, ...make.settings }, [pixels]));
      }
      const taken = answers.reduce((sum, { seconds }) => sum + seconds, 0);
      mode.pace = taken / (cost * w * h);
      mode.measured = true;
      if (photo !== now.photo || mode !== now.mode) return; // in the meantime another was chosen
      now.result = { key, ...make.result(answers) };
      show();
      describeSizes();
      const card = answers[0].where === "webgpu";
      const where = card ? "the graphics card" : "one core of the processor";
      $("status").dataset.seconds = taken; // for experiments/try_times.py
      say(`${make.words} in ${seconds(taken)} on ${where}.`, "done");
    } finally {
      clearInterval(ticking);
    }
  }

  const pixelsOf = (canvas) =>
    canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  function canvasOf(pixels, width, height) {
    const canvas = element("canvas", { width, height });
    const data = new ImageData(new Uint8ClampedArray(pixels), width, height);
    canvas.getContext("2d", { willReadFrequently: true }).putImageData(data, 0, 0);
    return canvas;
  }

  function makePainting(photo, before) {
    const { width, height } = before;
    const shares = new Map(percents());
    const weights = network().styles.map((style) => (shares.get(style) ?? 0) / 100);
    const titles = [...shares.keys()].map((style) => style.title).join(" and ");
    say(`Painting: ${titles} ...`);
    return {
      settings: {
        weights, margin: contents.margin, factor: 1, noise: $("noise").checked && contents.noise,
      },
      words: `Painted ${width} × ${height} pixels`,
      result: ([{ output }]) => {
        const painted = canvasOf(output, width, height);
        return { width, height, views: { Before: before, painted }, file: paintedName };
      },
    };
  }

  function makeEnlargements(photo, small) {
    const [width, height] = [4 * small.width, 4 * small.height];
    say("Enlarging ...");
    return {
      settings: { margin: 0, factor: 4, luma: contents.luma },
      words: `Enlarged to ${width} × ${height} pixels by two networks`,
      result: (answers) => {
        const views = { "Small picture": small, Smoothed: drawn(small, width, height) };
        const { canvas } = photo;
        if (canvas.width >= width) views.Original = drawn(canvas, width, height);
        // As the networks make them, and with the colours of the small picture.
        const enlarged = ["output", "kept"].map((form) => Object.fromEntries(
          contents.enlargers.map(({ title }, i) =>
            [title, canvasOf(answers[i][form], width, height)])));
        return { width, height, views, enlarged, file: enlargedName };
      },
    };
  }

  // ---------------------------------------------------------------- the picture

  // The photograph, the painting, and between them whatever strength and colours ask for.
  function mixture(before, after) {
    const strength = $("strength").value / 100;
    const [red, green, blue] = contents.luma;
    const mixed = pixelsOf(before);
    const [out, y] = [mixed.data, pixelsOf(after).data];
    const keep = $("colours").checked;
    for (let i = 0; i < out.length; i += 4) {
      const change = [y[i] - out[i], y[i + 1] - out[i + 1], y[i + 2] - out[i + 2]];
      // Another brightness and the same colour move R, G and B by as much.
      const brighter = red * change[0] + green * change[1] + blue * change[2];
      for (let c = 0; c < 3; c++) {
        const x = out[i + c];
        const painted = keep ? Math.max(0, Math.min(255, x + brighter)) : x + change[c];
        out[i + c] = x + strength * (painted - x);
      }
    }
    return canvasOf(mixed.data, before.width, before.height);
  }

  function show() {
    const { photo, result, mode } = now;
    if (!photo) return;
    const filming = Boolean(stream);
    const compare = Boolean(result) && !filming;
    if (compare) mode.mix(result);
    if (mode === modes.enlarge)
      for (const option of document.querySelectorAll("#try-left option, #try-right option"))
        option.disabled = compare && !(option.value in result.views);
    const { width, height } = result ?? photo.canvas;
    $("stage").style.setProperty("--ratio", width / height);
    const names = mode.views();
    for (const [side, name] of [["left", names[0]], ["right", names[1]]]) {
      const canvas = $(`${side}-view`);
      const view = compare ? (result.views[name] ?? result.views.Smoothed) : photo.canvas;
      Object.assign(canvas, { width, height, hidden: filming || (side === "right" && !compare) });
      const context = canvas.getContext("2d");
      context.imageSmoothingEnabled = name !== "Small picture";
      context.drawImage(view, 0, 0, width, height);
      canvas.ariaLabel = compare ? `${name}: ${photo.title}` : photo.title;
      const corner = $(`${side}-corner`);
      corner.textContent = name;
      corner.hidden = !compare;
    }
    $("wipe").hidden = $("save").hidden = !compare;
    $("stage").classList.toggle("try-compare", compare);
    wipe();
  }

  function wipe() {
    const { value } = $("wipe");
    const [left, right] = now.mode.views();
    $("stage").style.setProperty("--cut", `${value}%`);
    $("wipe").setAttribute("aria-valuetext", `${left} up to ${value} %, then ${right}`);
  }

  function paintedName() {
    const { width, height } = now.result;
    const styles = percents().map(([style, value]) =>
      now.shares.size > 1 ? `${style.name}_${Math.round(value)}` : style.name);
    return [
      now.photo.name,
      styles.join("+"),
      $("strength").value < 100 && `strength_${$("strength").value}`,
      $("colours").checked && "own_colours",
      $("noise").checked && "noise",
      `${width}x${height}.png`,
    ].filter(Boolean).join("-");
  }

  function enlargedName() {
    const { value } = $("right");
    const own = $("kept").checked && value in now.result.enlarged[0];
    return [
      now.photo.name,
      "x4",
      value.replaceAll(" ", "_").toLowerCase(),
      own && "own_colours",
      `${now.result.width}x${now.result.height}.png`,
    ].filter(Boolean).join("-");
  }

  async function save() {
    const blob = await new Promise((done) => $("right-view").toBlob(done, "image/png"));
    const link = element("a", { href: URL.createObjectURL(blob), download: now.result.file() });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  }

  // ---------------------------------------------------------------- the page

  function listen() {
    $("file").onchange = ({ target }) => openFile(target.files[0]).then(() => (target.value = ""));
    $("camera").onclick = () => (stream ? cameraOff() : cameraOn("environment"));
    $("camera").hidden = !navigator.mediaDevices?.getUserMedia; // without https there is none
    $("camera-off").onclick = cameraOff;
    $("shoot").onclick = shoot;
    $("paint").onclick = () => {
      if (now.result) now.result.key = ""; // who asks for it gets it, even again
      work();
    };
    $("stop").onclick = stop;
    $("save").onclick = save;
    $("wipe").oninput = wipe;
    $("strength").oninput = () => {
      $("strength-value").textContent = `${$("strength").value} %`;
      drawShares();
      show();
    };
    for (const name of ["colours", "kept"]) $(name).onchange = () => (drawShares(), show());
    $("noise").onchange = () => refresh();
    $("size").onchange = () => {
      now.mode.size = $("size").value;
      refresh();
    };
    for (const side of ["left", "right"]) $(side).onchange = () => (drawShares(), show());
    for (const choice of document.querySelectorAll("#try-modes input"))
      choice.onchange = () => setMode(choice.value);
    $("mix").onchange = () => {
      let [style] = now.shares.keys();
      if (mixing() && style.network.styles.length < 2)
        style = contents.networks.find(({ styles }) => styles.length > 1).styles[0];
      now.shares = new Map([[style, 50]]);
      drawStyles();
      refresh();
    };
    addEventListener("pagehide", cameraOff);
    addEventListener("paste", ({ clipboardData }) => openFile(clipboardData?.files[0]));
    const stage = $("stage");
    const hasFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
    let depth = 0; // of elements that the dragged file is over
    const over = (change) => (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      depth = change === null ? 0 : depth + change;
      stage.classList.toggle("try-over", depth > 0);
      if (change === null) openFile(event.dataTransfer.files[0]);
    };
    addEventListener("dragenter", over(1));
    addEventListener("dragleave", over(-1));
    addEventListener("dragover", (event) => hasFiles(event) && event.preventDefault());
    addEventListener("drop", over(null));
  }

  async function begin() {
    contents = await part("contents").catch(() => null);
    if (!contents || !("processor" in contents.runtimes)) {
      $("without").firstChild.textContent =
        "This copy of the book was built without npm: it has no runtime for networks. Install " +
        "Node.js and build it again (make book).";
      $("without").hidden = false;
      return;
    }
    contents.styles = contents.networks.flatMap((each) => each.styles);
    for (const each of contents.networks)
      for (const style of each.styles) {
        style.network = each;
        style.button = button(style, () => choose(style));
      }
    $("styles").append(...contents.styles.map((style) => style.button));
    $("mix-label").hidden = contents.networks.every(({ styles }) => styles.length < 2);
    for (const ours of contents.photos) {
      const made = button(ours, () => openOurs(ours));
      made.dataset.name = ours.name;
      $("photos").append(made);
    }
    const titles = contents.enlargers.map(({ title }) => title);
    for (const [side, chosen] of [["left", "Smoothed"], ["right", titles.at(-1)]]) {
      const all = ["Small picture", "Smoothed", ...titles, "Original"];
      $(side).append(...all.map((name) => new Option(name, name)));
      $(side).value = chosen;
    }
    $("modes").hidden = !contents.enlargers.length;
    now.shares = new Map([[contents.styles[0], 50]]);
    listen();
    setMode("paint");
    drawStyles();
    document.getElementById("try").hidden = false;
    await openOurs(contents.photos[0]);
  }

  $("without").hidden = true; // what one reads without scripts
  begin();
})();

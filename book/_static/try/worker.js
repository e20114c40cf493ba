// The worker that paints, as a function: try.js starts a worker from its text, after that of ONNX
// Runtime (`ort`). A page that was opened from a file may start workers in no other way.
"use strict";
tryIt.worker = function () {
  let providers = ["wasm"];
  const sessions = new Map();

  // Phones refuse to reserve the 4 GiB that the runtime names as its most; 1 GiB is plenty.
  const Memory = WebAssembly.Memory;
  WebAssembly.Memory = function (wanted) {
    return new Memory({ ...wanted, maximum: Math.min(wanted.maximum, 16384) });
  };
  WebAssembly.Memory.prototype = Memory.prototype;

  const bytesOf = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));

  async function start({ glue, wasm, gpu }) {
    const packed = new Blob([bytesOf(wasm)]).stream();
    const unpacked = packed.pipeThrough(new DecompressionStream("gzip"));
    ort.env.logLevel = "error";
    ort.env.wasm.numThreads = 1; // more need headers that a static server does not send
    ort.env.wasm.wasmPaths = {
      mjs: URL.createObjectURL(new Blob([glue], { type: "text/javascript" })),
    };
    ort.env.wasm.wasmBinary = await new Response(unpacked).arrayBuffer();
    providers = gpu ? ["webgpu"] : ["wasm"];
    return {};
  }

  // A session on the graphics card is trusted once it has painted as the processor does.
  async function opened(model) {
    const create = (where) =>
      ort.InferenceSession.create(model, { executionProviders: [where], logSeverityLevel: 3 });
    if (providers[0] === "webgpu") {
      try {
        const card = await create("webgpu");
        const processor = await create("wasm");
        const [a, b] = [await trial(card), await trial(processor)];
        await processor.release();
        const far = a.reduce((sum, value, i) => sum + Math.abs(value - b[i]), 0) / a.length;
        if (far < 1) return card;
        await card.release();
      } catch {
        // No adapter, a driver's fault, a missing feature: the processor can do it.
      }
      providers = ["wasm"];
    }
    return create("wasm");
  }

  async function trial(candidate) {
    const side = 64;
    const pixels = Float32Array.from({ length: 3 * side * side }, (_, i) => (37 * i) % 256);
    return output(candidate, new ort.Tensor("float32", pixels, [1, 3, side, side]));
  }

  async function output(candidate, image, weights) {
    const feeds = { image };
    if (candidate.inputNames.includes("weights")) {
      const count = candidate.inputMetadata.find(({ name }) => name === "weights").shape[1];
      const values = weights ?? new Float32Array(count).fill(1 / count);
      feeds.weights = new ort.Tensor("float32", Float32Array.from(values), [1, count]);
    }
    const [result] = Object.values(await candidate.run(feeds));
    const values = await result.getData();
    result.dispose();
    return values;
  }

  // Where a place outside 0 .. size - 1 is found in the mirror at the border.
  const mirrored = (i, size) => (i < 0 ? -i : i < size ? i : 2 * size - 2 - i);

  // RGBA bytes -> planes of R, G and B with a mirrored margin, and perhaps noise added to them.
  function planes(pixels, width, height, margin, noise) {
    const [wide, high] = [width + 2 * margin, height + 2 * margin];
    const image = new Float32Array(3 * wide * high);
    let place = 0;
    for (let channel = 0; channel < 3; channel++)
      for (let y = -margin; y < height + margin; y++) {
        const row = mirrored(y, height) * width;
        for (let x = -margin; x < width + margin; x++) {
          const from = row + mirrored(x, width);
          const value = pixels[4 * from + channel] + (noise?.[from] ?? 0);
          image[place++] = Math.max(0, Math.min(255, value));
        }
      }
    return new ort.Tensor("float32", image, [1, 3, high, wide]);
  }

  function rgba(values, width, height, margin) {
    const [wide, high] = [width + 2 * margin, height + 2 * margin];
    const pixels = new Uint8ClampedArray(4 * width * height).fill(255);
    for (let channel = 0; channel < 3; channel++)
      for (let y = 0; y < height; y++) {
        const row = (channel * high + y + margin) * wide + margin;
        for (let x = 0; x < width; x++) pixels[4 * (y * width + x) + channel] = values[row + x];
      }
    return pixels;
  }

  // Along one side of planes, resized as PyTorch does with `antialias=True`: Keys' cubic, a = -0.5,
  // widened when it shrinks. `stride` is the distance of neighbours along that side.
  function resizedAlong(values, from, to, stride) {
    const scale = from / to;
    const wide = Math.max(1, scale);
    const key = (x) =>
      x < 1 ? (1.5 * x - 2.5) * x * x + 1 : x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
    const out = new Float32Array((values.length / from) * to);
    for (let i = 0; i < to; i++) {
      const centre = scale * (i + 0.5);
      const first = Math.max(0, Math.floor(centre - 2 * wide + 0.5));
      const end = Math.min(from, Math.floor(centre + 2 * wide + 0.5));
      const weights = [];
      for (let j = first; j < end; j++) weights.push(key(Math.abs(j + 0.5 - centre) / wide));
      const sum = weights.reduce((a, b) => a + b, 0);
      for (let block = 0; block < values.length / (from * stride); block++)
        for (let k = 0; k < stride; k++) {
          let value = 0;
          const place = (block * from + first) * stride + k;
          for (let j = 0; j < weights.length; j++) value += weights[j] * values[place + j * stride];
          out[(block * to + i) * stride + k] = value / sum;
        }
    }
    return out;
  }

  const bicubic = (planes, [width, height], [wide, high]) =>
    resizedAlong(resizedAlong(planes, height, high, width), width, wide, 1);

  // Light and dark patches, nearly as `smooth_noise` in perceptual_edu/inference/stylization.py makes
  // them: of other random numbers, but the same ones each time.
  function smoothNoise(width, height, { deviation, spacing }) {
    const [columns, rows] = [width, height].map((side) => Math.ceil(side / spacing) + 1);
    let state = 20161011;
    const uniform = () => (state = (48271 * state) % 2147483647) / 2147483647;
    const normal = () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
    const values = Float32Array.from({ length: columns * rows }, () => deviation * normal());
    const wide = columns * spacing;
    const surface = bicubic(values, [columns, rows], [wide, rows * spacing]);
    const row = (y) => surface.subarray(y * wide, y * wide + width);
    const noise = new Float32Array(width * height);
    for (let y = 0; y < height; y++) noise.set(row(y), y * width);
    return noise;
  }

  // An enlargement with the colours of the small picture, and its mean at every place: as
  // `with_colors_of` in perceptual_edu/inference/upscaling.py.
  function withColoursOf(low, y, small, large, luma) {
    const area = large[0] * large[1];
    const kept = bicubic(low, small, large);
    for (let i = 0; i < area; i++) {
      let brighter = 0;
      for (let c = 0; c < 3; c++) brighter += luma[c] * (y[c * area + i] - kept[c * area + i]);
      for (let c = 0; c < 3; c++) kept[c * area + i] += brighter;
    }
    const again = bicubic(kept, large, small);
    const missing = bicubic(low.map((value, i) => value - again[i]), small, large);
    return kept.map((value, i) => value + missing[i]);
  }

  async function open({ network, model }) {
    if (sessions.has(network)) return {};
    // Two at a time: those that enlarge take turns, and memory is scarce.
    for (const [name, old] of [...sessions].slice(0, -1)) {
      sessions.delete(name);
      await old.release();
    }
    sessions.set(network, await opened(bytesOf(model)));
    return {};
  }

  // With `noise`, that is added to what goes in. With `luma` (the weights of brightness), also the
  // output with the colours of what went in.
  async function run({ network, model, weights, pixels, width, height, margin, ...how }) {
    const { factor, luma, noise } = how;
    await open({ network, model });
    const added = noise && smoothNoise(width, height, noise);
    const image = planes(new Uint8Array(pixels), width, height, margin, added);
    const low = image.data;
    const began = performance.now();
    const values = await output(sessions.get(network), image, weights);
    const seconds = (performance.now() - began) / 1000;
    const bytes = (planes) =>
      rgba(planes, factor * width, factor * height, factor * margin).buffer;
    const answer = { output: bytes(values), seconds, where: providers[0] };
    if (luma) {
      const small = [width + 2 * margin, height + 2 * margin];
      const large = small.map((side) => factor * side);
      answer.kept = bytes(withColoursOf(low, values, small, large, luma));
    }
    return answer;
  }

  const jobs = { start, open, run };
  onmessage = async ({ data: { id, job, ...rest } }) => {
    try {
      postMessage({ id, ...(await jobs[job](rest)) });
    } catch (error) {
      // The runtime throws a bare number when the browser gives it no more memory.
      const memory = typeof error === "number" || /memory|bad_alloc/i.test(error?.message);
      const text = "the browser gave no more memory; choose a smaller size";
      postMessage({ id, error: memory ? text : String(error?.message ?? error) });
    }
  };
};

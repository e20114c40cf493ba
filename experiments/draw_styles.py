"""Draw the book's six style pictures from nothing but a seed and a few palettes.

    python experiments/draw_styles.py              # all of them
    python experiments/draw_styles.py mosaic       # only the named ones

Style transfer looks at a style image through the Gram matrices of VGG features, which forget
*where* things are and keep *which textures and colours occur together*.  So every picture here
has marks at three scales (grain of 2-4 pixels, strokes of 10-30, forms of 80-300), a small
deliberate palette, and no empty areas.  Everything is drawn at twice the final size and shrunk
with a Lanczos filter, which is all the anti-aliasing there is.
"""

import sys
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from scipy.cluster.vq import kmeans2
from scipy.ndimage import distance_transform_edt, gaussian_filter
from scipy.spatial import cKDTree

from perceptual_edu.files import written_atomically

STYLES_FOLDER = Path(__file__).resolve().parents[1] / "data" / "styles"
W, H = 2048, 1536  # the drawing size; the saved pictures are half of it
SQUARE = slice(256, 1792)  # the middle columns, for the pictures that are 768 by 768
TAU = 2 * np.pi


def rgb(hexes):
    """'#ff0000 #00ff00' -> an (n, 3) array of colours in 0..1."""
    return np.array([[int(h[i : i + 2], 16) / 255 for i in (1, 3, 5)] for h in hexes.split()])


# ------------------------------------------------------------------------------- palettes

SUNFIRE = rgb("#fff3b0 #ffd23f #ff9f1c #f3581b #c9142b #8a0f4e")
COBALT_SKY = rgb("#1b1464 #1d3fbb #1479d6 #16b1d8 #6a2fb0 #b3207f")
HILLSIDE = rgb("#4b2a9c #1f5fb8 #0e8f8f #0f8a4f #4fb83f #b8d430 #ffc928")
EMBER_TIDE = rgb(
    "#1c1440 #2a2a7c #1f5a9e #178a94 #5cb89a #d8dfae #fbe3b0 #f9b85c #f07b4a #d8415a #8c2466"
)
INDIGO = rgb("#0f2147 #1b3a6f #2f5f98 #5e93bd #a9c9d4")
CREAM, CORAL = rgb("#f4e8cf #e2603f")
DIVIDED = rgb(
    "#fff1b5 #ffd45a #ffab40 #f47b3a #e0483e #e98aa8 #a04f9e #5b3f9b #2b3a8f "
    "#2a6cc0 #58abdc #a8dbe0 #2f9e8f #2f8f4e #86b83f #d6d95a #1d2a5c #143d3a"
)
SUNDOWN = rgb("#fff6c8 #ffe27a #ffb04f #f58a5f #d874a0 #8d6cc0 #4d7fd0 #3566b8 #2b4a9a")
FAR_RIDGE, NEAR_RIDGE = rgb("#4a58b8 #8a68b8 #e08a90"), rgb("#23397f #3f6f9a #6fae8a")
BAY = rgb("#23408f #2d6fc0 #4fa8cf #9fd0cf #ffd98a #fff0b0")
MEADOW = rgb("#1d2f6a #24507a #2a8a55 #7fb83c #d9d95a #ffe98f")
POPPIES = rgb("#e0483e #f47b3a #e98aa8")
BARK = rgb("#491d52 #521f6a")
CROWN = rgb("#161d52 #1f4a6a #237a55 #5fa83f #d0cf4a #ffc95a")
WATER = rgb("#0b2f4f #11507a #1a7f9c #3fb0b0 #9ad8c4")
KOI = rgb("#f04e23 #ff7a2b #d8321c #fff4e0 #f9dfc0 #1c1a24")
GOLD = rgb("#f2c14e #d99a2b #f9dd8b #b8741a")
LINO = rgb("#17201f #f5e8cb #d63f25 #e9a52c")  # ink, paper, red, gold


# ---------------------------------------------------------------------------- shared tools


def ramp(palette, t):
    """The palette as a continuous gradient, read at t in 0..1."""
    t = np.clip(t, 0, 1) * (len(palette) - 1)
    return np.stack([np.interp(t, np.arange(len(palette)), c) for c in palette.T], -1)


def noise(rng, across, down=None):
    """Smooth noise over the canvas, unit variance, with blobs `across` by `down` pixels."""
    size = int(H / (down or across)) + 3, int(W / across) + 3
    field = np.asarray(
        Image.fromarray(rng.standard_normal(size).astype("f")).resize((W, H), Image.BICUBIC)
    )
    return (field - field.mean()) / field.std()


def grid():
    """Pixel coordinates x and y, as two (H, W) arrays."""
    y, x = np.mgrid[:H, :W].astype("f")
    return x, y


def relief(height, depth):
    """Shade a height map by a lamp at the upper left: about 1, brighter towards the lamp."""
    gy, gx = np.gradient(height)
    return 1 + np.clip(-(gx + gy) * depth, -0.55, 0.55)


def edge_distance(labels):
    """For each pixel, the distance to the nearest border between two labels."""
    inside = np.ones(labels.shape, bool)
    inside[:, 1:] &= labels[:, 1:] == labels[:, :-1]
    inside[1:] &= labels[1:] == labels[:-1]
    return distance_transform_edt(inside).astype("f")


def path(x, y, angle, length, bend=0.0, n=14):
    """A curve of n points that leaves (x, y) at `angle` and turns by `bend` on its way."""
    a = angle + bend * np.linspace(0, 1, n - 1)
    steps = np.stack([np.cos(a), np.sin(a)], -1) * length / (n - 1)
    return np.vstack([np.zeros(2), np.cumsum(steps, 0)]) + np.array([x, y])


def ribbon(points, width):
    """The outline of a band around a curve: the one shape behind strokes, leaves and petals."""
    d = np.gradient(points, axis=0)
    normal = np.stack([-d[:, 1], d[:, 0]], -1) / (np.hypot(*d.T)[:, None] + 1e-6)
    side = normal * np.broadcast_to(width, len(points))[:, None] / 2
    return np.vstack([points + side, (points - side)[::-1]])


def taper(n=14, power=0.8):
    """A width profile that is pointed at both ends."""
    return np.sin(np.pi * np.linspace(0, 1, n)) ** power


def ink(colour):
    """A 0..1 colour as PIL wants it."""
    return tuple(int(c) for c in np.clip(np.asarray(colour) * 255 + 0.5, 0, 255))


def polygon(draw, points, colour):
    draw.polygon(points.ravel().tolist(), fill=ink(colour))


def disc(draw, x, y, r, colour):
    draw.ellipse((x - r, y - r, x + r, y + r), fill=ink(colour))


def canvas(colour):
    """A fresh picture and its pen."""
    picture = Image.new("RGB", (W, H), ink(colour))
    return picture, ImageDraw.Draw(picture)


def pixels(picture):
    return np.asarray(picture, "f") / 255


# ------------------------------------------------------------------------------ the styles


def stained_glass(rng):
    """A sun over hills: each band of the design is cut into Voronoi panes held by lead."""
    x, y = grid()
    wx, wy = x + 7 * noise(rng, 120), y + 7 * noise(rng, 120)  # glass is cut by hand
    r, a = np.hypot(wx - 1180, wy - 600), np.arctan2(wy - 600, wx - 1180)
    ray = np.abs(a * 7 / np.pi % 2 - 1)  # a zigzag round the sun: a star of 7 points
    petals = r * (1 + (ray - 0.5) * np.interp(r, [100, 250, 450, 1100], [0, 0.22, 0.30, 0.05]))
    rings = [80, 165, 275, 400, 540, 690, 850, 1030, 1230, 1450]
    zone = np.searchsorted(rings, petals.ravel()).reshape(H, W)
    for i, (top, tilt, phase) in enumerate([(960, 70, 0.4), (1110, 90, 2.6), (1290, 60, 5.0)]):
        depth = wy - (top + tilt * np.sin(wx / 330 + phase) - 0.04 * i * wx)
        zone = np.where(depth > 0, 20 + 10 * i + (depth / 95).astype(int), zone)

    pane = np.zeros((H, W), int)
    colour, first = [], 0
    for z in np.unique(zone):
        inside = zone == z
        area = {0: 3000, 1: 3500, 2: 5500}.get(z, 9000)
        place = np.stack([wy[inside], wx[inside]], -1)
        if 1 < z < 20:  # panes of the sun and sky are long the way the light goes
            place = np.stack([0.5 * r[inside], a[inside] * r[inside].mean()], -1)
        spots = place[::61]
        n = max(1, inside.sum() // area)
        sites, _ = kmeans2(spots, spots[rng.choice(len(spots), n, False)], 25, minit="matrix")
        pane[inside] = first + cKDTree(sites).query(place, workers=2)[1]
        first += n
        if z < 5:  # the sun and its petals
            c = ramp(SUNFIRE, z / 5 + rng.normal(0, 0.10, n))
        elif z < 20:  # the sky
            c = ramp(COBALT_SKY, (0.35 * z + 0.1) % 1 + rng.normal(0, 0.16, n))
        else:
            c = ramp(HILLSIDE, (0.29 * z + 0.2) % 1 + rng.normal(0, 0.09, n))
        colour.append(c)
    colour = np.vstack(colour)

    turn = rng.uniform(0, TAU, first)[pane]
    u, v = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    streak = noise(rng, 70, 7)[v.astype(int) % H, u.astype(int) % W]
    gap, seam = edge_distance(pane), edge_distance(zone)
    density = rng.normal(1, 0.22, first)[pane] + 0.16 * streak + 0.10 * noise(rng, 5)
    density += 0.3 * np.sin(u / 60) - 0.6 * np.clip(gap / 45, 0, 1) + 0.3
    density = 0.2 + np.logaddexp(0, 3 * density) / 3  # never quite clear
    glass = colour[pane] ** density[..., None]
    glass *= (0.92 + 0.3 * np.exp(-r / 600))[..., None]
    lead = np.maximum(1 - gap / (7 + 1.5 * noise(rng, 90)), 1 - seam / (12 + 2 * noise(rng, 90)))
    lead = np.sqrt(np.clip(lead, 0, 1))
    metal = 0.11 * relief(gaussian_filter(lead, 1.5), 4)[..., None] * [0.9, 0.95, 1.1]
    return np.where(lead[..., None] > 0.05, metal, glass)


def flow_brush(rng):
    """Bristly strokes, broad then fine, carried round the eddies of a stream function."""
    x, y = grid()
    psi, warm = 0.9 * y / H + 0.10 * noise(rng, 420), np.zeros((H, W), "f")
    eddies = [(430, 420, 210, 1), (1500, 360, 260, -1), (1000, 950, 280, 1), (260, 1240, 200, -1)]
    eddies += [(1740, 1160, 230, 1), (960, 180, 130, 1), (1330, 1420, 150, -1)]
    for ex, ey, s, sign in eddies:
        d2 = ((x - ex) ** 2 + (y - ey) ** 2) / (s * s)
        psi += sign * 0.55 * (s / 230) * np.exp(-d2 / 2)
        warm += np.exp(-d2 / 0.6)
    gy, gx = np.gradient(psi)
    angle = np.arctan2(-gx, gy)
    tone = 0.36 + 0.30 * np.sin(psi * 20) + 0.22 * np.clip(warm, 0, 1) + 0.13 * noise(rng, 420)

    picture, pen = canvas(EMBER_TIDE[2])
    bumps = Image.new("L", (W, H), 90)
    bump_pen = ImageDraw.Draw(bumps)
    for width, length, count in [(90, 360, 900), (54, 250, 2400), (32, 170, 3000), (16, 110, 1600)]:
        p = rng.uniform((-40, -40), (W + 40, H + 40), (count, 2))
        trail = []
        for _ in range(11):
            i = np.clip(p[:, 1], 0, H - 1).astype(int), np.clip(p[:, 0], 0, W - 1).astype(int)
            if not trail:
                t = tone[i] + rng.normal(0, 0.06, count)
            normal = np.stack([-np.sin(angle[i]), np.cos(angle[i])], -1)
            trail.append((p, normal))
            p = p + np.stack([normal[:, 1], -normal[:, 0]], -1) * length / 10
        points, normals = (np.stack(a, 1) for a in zip(*trail, strict=True))
        load = ramp(EMBER_TIDE, t), ramp(EMBER_TIDE, t + rng.normal(0.04, 0.10, count))
        bristles = max(3, width // 6)
        for k in range(count):
            size = width * rng.uniform(0.7, 1.15)
            for b in np.linspace(-0.5, 0.5, bristles):
                start, stop = rng.integers(0, 3), 11 - rng.integers(0, 4)
                line = (points[k] + normals[k] * b * size)[start:stop].ravel().tolist()
                colour = load[0][k] * (0.5 - b) + load[1][k] * (0.5 + b)
                w = int(size / bristles * 1.5) + 1
                pen.line(line, ink(colour * rng.uniform(0.86, 1.12)), w)
                bump_pen.line(line, int(rng.uniform(60, 200) + 50 * abs(b)), w)
    light = relief(gaussian_filter(pixels(bumps), 1.6), 2.6)
    return pixels(picture) * light[..., None]


def woodblock_waves(rng):
    """Curling waves, row over row, each carved with swelling lines and crowned with foam."""
    picture, pen = canvas(CREAM)
    disc(pen, 1270, 190, 270, CORAL)
    for y in np.arange(0, 560, 19):
        for x in np.arange(-200, W, 300) + rng.normal(0, 90):
            bow = rng.normal(0, 0.05)
            line = path(x, y + rng.normal(0, 3), -bow / 2, rng.uniform(240, 480), bow, 20)
            polygon(pen, ribbon(line, 9 * taper(20)), ramp(INDIGO, 0.25 + y / 600))

    def wave(x, y, size, shade):
        t = np.linspace(0, 1, 60)
        a = -1.05 + 4.6 * t**2.3
        crest = [x, y] + np.cumsum(np.stack([np.cos(a), np.sin(a)], -1), 0) * size * 1.75 / 60
        inward = np.stack([-np.sin(a), np.cos(a)], -1)
        wide = size * 0.78 * (1 - t) ** 0.9

        def along(q):
            return crest + inward * (q * wide)[:, None]

        foot = [[x + size, y + 500], [x - 60, y + 500]]
        polygon(pen, np.vstack([crest - inward * 7, along(1)[::-1], foot]), INDIGO[0])
        n = 9
        for k in range(n):
            q = (k + 0.5) / n
            hue = CREAM if k % 3 == 1 else ramp(INDIGO, shade + 0.25 + 0.6 * q)
            hue = CORAL if k == 6 and rng.random() < 0.4 else hue
            line = np.vstack([along(q)[0] + [[-40 + 20 * q, 300]], along(q)])
            fat = wide / n * (0.55 if k % 3 == 1 else 0.80)
            polygon(pen, ribbon(line, np.append(fat[0], fat)), hue)
        for i in range(24, 60, 2):
            s = size * rng.uniform(0.035, 0.075)
            for side, q in ((-1, 0.0), (1, 0.95)):
                px, py = along(q)[i]
                claw = path(px, py, a[i] + side * 0.9, s * rng.uniform(2.0, 3.2), -side * 2.2, 9)
                polygon(pen, ribbon(claw, 1.1 * s * np.linspace(1, 0.2, 9) + 8), INDIGO[0])
                polygon(pen, ribbon(claw, 1.1 * s * np.linspace(1, 0.2, 9)), CREAM)
        for i in range(20, 60, 2):
            s = size * rng.uniform(0.04, 0.075)
            px, py = along(0.15)[i]
            disc(pen, px, py, s + 4, INDIGO[0])
            disc(pen, px, py, s, CREAM)
            disc(pen, px + s * 0.25, py + s * 0.3, s * 0.45, INDIGO[4])
        for _ in range(16):
            px, py = crest[rng.integers(25, 50)] - rng.normal((0, 40), 55)
            disc(pen, px, py, rng.uniform(3, 8), CREAM)

    for row, y in enumerate(np.arange(470, H + 500, 175)):
        for x in np.arange(-560 + 210 * (row % 2), W + 200, 420):
            dx, dy, size = rng.normal(0, 40), rng.normal(0, 30), rng.uniform(330, 460)
            wave(x + dx, y + dy, size, 0.05 * (row % 3))
    x, y = grid()
    grain = np.sin(y / 5 + 9 * noise(rng, 1100, 160)) * (0.5 + 0.5 * noise(rng, 500, 24))
    art = pixels(picture)
    art += (0.045 * grain + 0.02 * noise(rng, 5))[..., None] * (1.25 - art)
    return art[:, SQUARE]


def pointillism(rng):
    """A bay at sundown, divided into pure touches that only the eye mixes again."""
    x, y, soft, fine = (a[::4, ::4] for a in (*grid(), noise(rng, 260, 90), noise(rng, 60, 30)))
    sun_x, sun_y, shore = 1330, 520, 760
    d = np.hypot(x - sun_x, (y - sun_y) * 1.25) + 40 * soft
    scene = ramp(SUNDOWN, np.clip(d / 1350, 0, 1) ** 0.75)
    turn = np.where(y < shore, np.arctan2(y - sun_y, x - sun_x) + np.pi / 2, 0.0)

    def lay(mask, colour, angle):
        scene[mask] = colour[mask]
        turn[mask] = np.broadcast_to(angle, x.shape)[mask]

    for top, high, span, hues in [(690, 150, 420, FAR_RIDGE), (735, 95, 230, NEAR_RIDGE)]:
        ridge = top - high * (0.5 + 0.5 * np.sin(x / span + top)) ** 1.5 - 14 * fine
        lay((y > ridge) & (y < shore), ramp(hues, (y - ridge) / 140 + 0.2 * fine), 0.5)
    q = np.clip((y - shore) / 420, 0, 1)
    sheen = np.exp(-(((x - sun_x) / (70 + 260 * q)) ** 2)) * (1 + 0.5 * fine) + 0.12 * soft
    lay(y >= shore, ramp(BAY, 0.25 - 0.2 * q + 0.75 * sheen), 0.0)
    bank = 1130 - 150 * np.cos(x / 620) + 10 * fine
    light = np.sin((x + 3.2 * (y - bank)) / 190 + 0.5 * soft) + 0.2
    lay(y > bank, ramp(MEADOW, 0.5 + 0.34 * light + 0.10 * fine), -0.35 + 0.25 * soft)
    lay((y > bank + 20) & (fine > 1.35), ramp(POPPIES, 0.5 + soft), 0.8)
    for tx, ty, size in [(250, 520, 330), (560, 800, 200), (1880, 760, 230), (1690, 960, 130)]:
        trunk = np.abs(x - tx - 20 * np.sin(y / 90)) < size * 0.07
        lay(trunk & (y > ty) & (y < ty + size * 1.9), ramp(BARK, 0 * x), 1.5)
        for _ in range(30):
            a, r = rng.uniform(0, TAU), 0.8 * size * rng.random() ** 0.5
            bx, by, br = tx + r * np.cos(a), ty + 0.9 * r * np.sin(a), size * rng.uniform(0.2, 0.36)
            near = np.hypot(x - bx, y - by) + 12 * fine
            lit = 0.42 + ((x - bx) * 0.7 - (y - by) * 0.8) / br * 0.38 + 0.08 * fine
            lay(near < br, ramp(CROWN, lit), np.arctan2(y - by, x - bx) + np.pi / 2)

    picture, pen = canvas(DIVIDED[8])
    for radius, gap in [(27, 22), (20, 25), (14, 27), (8, 30)]:
        spots = np.stack(np.meshgrid(np.arange(0, W, gap), np.arange(0, H, gap)), -1).reshape(-1, 2)
        spots = rng.permutation(spots + rng.uniform(0, gap, spots.shape))
        i = tuple(np.clip(spots[:, ::-1].T // 4, 0, [[H // 4 - 1], [W // 4 - 1]]).astype(int))
        wanted = scene[i] + rng.normal(0, 0.05, (len(spots), 3))
        far = ((wanted[:, None] - DIVIDED) ** 2).sum(-1)
        pick = (-far / 0.035 + rng.gumbel(size=far.shape)).argmax(1)
        paint = (0.75 * DIVIDED[pick] + 0.25 * wanted) * rng.normal(1.03, 0.08, (len(spots), 1))
        lean = turn[i] + rng.normal(0, 0.2, len(spots))
        for (px, py), colour, a in zip(spots, paint, lean, strict=True):
            size = radius * rng.uniform(0.75, 1.15)
            for grow, shade in ((2.5, 0.78), (0, 1)):  # a darker rim keeps the touches apart
                long = size + grow
                touch = path(px - long * np.cos(a), py - long * np.sin(a), a, 2 * long, 0, 9)
                wide = (1.15 * size + 2 * grow) * taper(9, 0.45)
                polygon(pen, ribbon(touch, wide), colour * shade)
    return pixels(picture)


def koi_pond(x, y):
    """The mosaic's cartoon: which region each point is in.

    0-10 are rings of water and gold, 60 and 62 a fish's fins, 61 and 63 its body, 64 the eyes.
    """
    r, a = np.hypot(x - W / 2, y - H / 2), np.arctan2(y - H / 2, x - W / 2)
    lily = r + 14 * np.exp(-r / 150) * np.sin(8 * a)
    region = np.searchsorted([60, 120, 190, 625, 668, 722], lily)
    ripple = (r - 190) / 62 + 0.4 * np.sin(5 * a + r / 70)
    region[(region == 3) & (ripple.astype(int) % 2 == 1)] = 7
    for kx, ky in [(256, 0), (W - 256, 0), (256, H), (W - 256, H)]:
        corner = np.hypot(x - kx, y - ky)
        region = np.where(corner < 318, 8 + (corner / 53.1).astype(int) % 3, region)
    for k in (0, 2):  # s runs along the fish from nose to tail, n across it
        s = (a + 0.5 - k * np.pi / 2) % TAU / 2.55
        n = r - 400 - 40 * np.sin(s * 7 + 0.5)
        body = 128 * np.abs(np.sin(np.pi * np.clip(s / 0.84, 0, 1) ** 0.58)) ** 0.75
        tail = 160 * np.clip((s - 0.72) / 0.28, 0, 1) ** 0.8 * (s < 1)
        notch = s > 1.0 - 0.13 * np.exp(-((n / 60) ** 2))
        region[(np.abs(s - 0.36 - np.abs(n) / 1500) < 0.065) & (np.abs(n) < 235)] = 60 + k
        region[(np.abs(n) < tail) & ~notch] = 60 + k
        region[(np.abs(n) < body) & (s < 0.84)] = 61 + k
        region[np.hypot((s - 0.10) * 1020, np.abs(n) - 62) < 21] = 64
    return region


def mosaic(rng):
    """Two koi in a round pool: square stones relaxed along the nearest outline of the design."""
    x, y = grid()
    region, step = koi_pond(x, y), 4
    coarse = region[2::step, 2::step]
    border = edge_distance(coarse)
    gy, gx = np.gradient(gaussian_filter(border, 1))
    angle = np.angle(gaussian_filter(np.exp(4j * np.arctan2(gy, gx)), 3)) / 4
    spots = np.argwhere(np.ones_like(coarse)) * 1.0
    stones = spots[rng.choice(len(spots), 4300, False)]

    def under(points):
        return tuple(np.clip(points.round().astype(int).T, 0, [[H // step - 1], [W // step - 1]]))

    def nearest(points, where):
        """The stone whose rotated square reaches each point first, kept inside its region."""
        home, turn = coarse[under(stones)], angle[under(stones)]
        close = cKDTree(stones).query(points, 6, workers=2)[1]
        v, u = np.moveaxis(points[:, None] - stones[close], -1, 0)
        c, s = np.cos(turn)[close], np.sin(turn)[close]
        reach = np.maximum(np.abs(u * c + v * s), np.abs(v * c - u * s))
        reach += 1000 * (home[close] != where[:, None])
        return np.take_along_axis(close, reach.argmin(1)[:, None], 1)[:, 0]

    free = border.ravel() > 0.5
    for _ in range(15):  # Lloyd's relaxation: every stone moves to the middle of its own
        owner = nearest(spots, coarse.ravel())[free]
        n = np.bincount(owner, minlength=len(stones))[:, None] + 1e-9
        total = [np.bincount(owner, p, len(stones)) for p in spots[free].T]
        stones = np.where(n > 1, np.stack(total, -1) / n, stones)
    tile = np.empty((H, W), int)
    for top in range(0, H, 128):  # at full size in bands, to spare the memory
        rows = np.argwhere(np.ones((128, W), bool)) + np.array([top, 0])
        band = slice(top, top + 128)
        tile[band] = nearest((rows - 1.5) / step, region[band].ravel()).reshape(128, W)

    home, patch = coarse[under(stones)], noise(rng, 150)[::step, ::step][under(stones)]
    luck = rng.random(len(stones))
    tone = np.array([-1, 0.05, 0.75, 0.3, -1, 0, 0.4, 0.55, 0.15, -1, 0.7])  # -1 is gold
    tone = tone[np.minimum(home, 10)]
    colour = ramp(WATER, tone + rng.normal(0.12, 0.10, len(stones)))
    colour[tone < 0] = GOLD[rng.integers(0, 4, (tone < 0).sum())]
    colour[home == 64] = KOI[5]
    skin = np.where(patch > 0.1, (luck * 3).astype(int), 3 + (luck * 2).astype(int))
    skin[patch < -1.4] = 5
    body, fins = (home == 61) | (home == 63), (home == 60) | (home == 62)
    colour[body], colour[fins] = KOI[skin[body]], ramp(KOI[[0, 1, 3]], luck[fins])
    colour = np.clip(colour * rng.normal(1, 0.09, (len(stones), 1)), 0, 1)

    gap = edge_distance(tile)
    tilt = rng.normal(0, 1, (2, len(stones)))
    cy, cx = stones.T * step
    facing = tilt[0][tile] * (x - cx[tile]) + tilt[1][tile] * (y - cy[tile])
    light = relief(gaussian_filter(np.clip(gap, 0, 7), 1.2), 0.22) + 0.006 * facing
    art = colour[tile] * (light + 0.03 * noise(rng, 5) + 0.03 * noise(rng, 14))[..., None]
    grout = rgb("#38333a")[0] * (1 + 0.2 * noise(rng, 4))[..., None]
    return np.where((gap < 2.6)[..., None], grout, art)[:, SQUARE]


def linocut(rng):
    """Flowers and leaves cut with a gouge: tapered cuts, in four flat inks."""
    dark, paper, red, gold = LINO
    picture, pen = canvas(dark)
    field = noise(rng, 330)
    for gy in range(0, H, 17):
        for gx in range(-60, W, 64):
            a = 0.9 * field[gy, max(gx, 0)]
            cut = path(gx + 32 * (gy // 17 % 2), gy, a, rng.uniform(40, 62), 0.3, 8)
            polygon(pen, ribbon(cut, rng.uniform(6, 10) * taper(8)), paper)

    def leaf(x, y, angle, length, width, fill, vein):
        spine = path(x, y, angle, length, rng.normal(0, 0.55), 24)
        wide = width * taper(24, 0.9) * np.linspace(1.2, 0.75, 24)
        polygon(pen, ribbon(spine, wide + 16), dark)
        polygon(pen, ribbon(spine, wide), fill)
        polygon(pen, ribbon(spine, np.linspace(9, 2, 24)), vein)
        head = np.arctan2(*np.gradient(spine, axis=0).T[::-1])
        for i in range(2, 22):
            for side in (-1, 1):
                for start, reach, thick in [
                    (spine[i], 0.62, 6.5),
                    ((spine[i] + spine[i + 1]) / 2, 0.40, 4),
                ]:
                    cut = path(*start, head[i] + side * 0.85, wide[i] * reach, -side * 0.35, 7)
                    polygon(pen, ribbon(cut, thick * np.linspace(1, 0.1, 7)), vein)

    def flower(x, y, size, fill):
        n, start = rng.integers(8, 12), rng.uniform(0, TAU)
        for layer, reach in ((0, 1.0), (0.5, 0.68)):
            for a in start + (np.arange(n) + layer) * TAU / n:
                spine = path(x, y, a, size * reach, 0.15, 16)
                wide = 2.6 * size * reach / n * 2.2 * np.linspace(0.15, 1, 16) * taper(16, 0.35)
                polygon(pen, ribbon(spine, wide + 13), dark)
                polygon(pen, ribbon(spine, wide), fill)
                for bend in np.linspace(-0.32, 0.32, 5):
                    cut = path(x, y, a + bend * 0.6, size * reach * (0.86 - abs(bend)), bend, 9)
                    ground = dark if layer or fill is paper else paper
                    polygon(pen, ribbon(cut, 5.5 * taper(9)), ground)
        disc(pen, x, y, size * 0.27, dark)
        disc(pen, x, y, size * 0.23, gold)
        for ring, dots in ((0.17, 13), (0.09, 7)):
            for a in np.arange(dots) * TAU / dots:
                disc(pen, x + ring * size * np.cos(a), y + ring * size * np.sin(a), 5, dark)

    rows = enumerate(range(60, H + 200, 350))
    sites = [(x + 215 * (j % 2), y) for j, y in rows for x in range(-60, W + 200, 430)]
    looks = [(paper, dark), (gold, dark), (dark, paper), (dark, gold), (paper, dark)]
    for x, y in rng.permutation(sites) + rng.normal(0, 28, (len(sites), 2)):
        for a in rng.permutation(7) * TAU / 7 + rng.uniform(0, TAU):
            fill, vein = looks[rng.integers(len(looks))]
            leaf(x, y, a, rng.uniform(230, 320), rng.uniform(85, 120), fill, vein)
        flower(x, y, rng.uniform(125, 195), (red, red, red, gold, paper)[rng.integers(5)])
    return pixels(picture)[:, SQUARE]


DRAWN = stained_glass, flow_brush, woodblock_waves, pointillism, mosaic, linocut
STYLES = {draw.__name__: draw for draw in DRAWN}


def save(name):
    """Draw one picture, shrink it to half, and put it in place in one step."""
    art = STYLES[name](np.random.default_rng(zlib.crc32(name.encode())))
    picture = Image.fromarray((np.clip(art, 0, 1) * 255 + 0.5).astype("uint8"))
    picture = picture.resize((picture.width // 2, picture.height // 2), Image.LANCZOS)
    target = STYLES_FOLDER / f"{name}.jpg"
    with written_atomically(target) as draft:
        picture.save(draft, quality=88, optimize=True, progressive=True)
    print(f"{target.name}: {target.stat().st_size:,} bytes")


def main(names):
    if unknown := ", ".join(name for name in names if name not in STYLES):
        sys.exit(f"no style is called {unknown}; there are {', '.join(STYLES)}")
    for name in names or STYLES:
        save(name)


if __name__ == "__main__":
    main(sys.argv[1:])

"""What an independent network sees in our pictures (section 4, chapters 7 and 8).

    python experiments/judge.py FOLDER [--photos FOLDER] [--out OUT.json]

FOLDER holds photographs, for the book BSD100. Each is shrunk and enlarged 4 and 8 times by each
network in data/checkpoints/ and bicubically. EfficientNet-Lite0 is asked whether it still sees the
class that it sees in the photograph itself, as its first answer or among five, and how far apart
the features of both are at four depths. It looks at the picture twice: as it is, and squeezed to
224 x 224 pixels, the size it was trained on.

The photographs of the second folder (by default data/photos; longer side 384) are painted in each
trained style, and the same is asked: animals, people and the rest apart.

Pictures that the file of results already has are not judged again: interrupt it as you like.
"""

import argparse
import statistics
from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from shared import digest, kept, networks_for, result_parser, save
from torch import Tensor, nn
from tqdm import tqdm

from perceptual_edu import device, load_image, load_network, load_style, stylize
from perceptual_edu.assets import data_folder
from perceptual_edu.datasets.degradation import crop_to_multiple, degrade
from perceptual_edu.evaluation import Judge, Judgement, enlarge, feature_distances, wilson_interval
from perceptual_edu.images import bicubic
from perceptual_edu.networks import FACTORS, trained_styles
from perceptual_edu.pictures import pictures_in

SIZE, SQUARE = 384, 224
READINGS = ("as it is", "at 224 px")
ANIMALS = """alpaca bee_on_aster butterfly_on_blue_flower camels cat_blue_eyes cat_chelsea cheetah
chickens crab german_shepherd giraffe_head gorilla hedgehog herd_of_horses heron_in_flight
horse_in_ladakh kingfisher kitten ladybird lemurs meerkats moose penguin rabbit raccoon red_panda
scarlet_macaw swans tiger_in_snow toucan two_dogs valais_goat"""
PEOPLE = """astronaut_eileen_collins bata_drums grace_hopper irish_musicians mariachi_musicians
opera_singers orchestra photographer_with_tripod portrait_of_a_man"""

Tables = dict[tuple, dict[str, list]]
"""What was done, by which file -> picture -> what the judge saw."""


def main() -> None:
    parser = result_parser(__doc__, "judge")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photos", type=Path, default=data_folder() / "photos")
    arguments = parser.parse_args()
    judge = Judge().to(device())
    known = {tuple(row["key"]): row["pictures"] for row in kept(arguments.out, "tables")}
    tables, used = defaultdict(dict, known), set()
    for files, keys, judged in (*enlargements(arguments.folder), *paintings(arguments.photos)):
        used |= set(keys)
        for path in tqdm(files, desc=f"{keys[0][0]} {keys[0][1]}"):
            if todo := [key for key in keys if path.stem not in tables[key]]:
                for key, found in judged(judge, path, todo):
                    tables[key][path.stem] = found
                write(tables, arguments)
    write({key: tables[key] for key in used}, arguments)  # without networks that are no more


def enlargements(folder: Path) -> Iterator[tuple]:
    for factor in FACTORS:
        files = networks_for(factor)
        networks = {
            ("x", factor, model, digest(path)): path and load_network(path)
            for model, path in files.items()
        }
        yield pictures_in(folder), list(networks), partial(judge_enlarged, networks, factor)


def judge_enlarged(
    networks: dict[tuple, nn.Module | None], factor: int, judge: Judge, path: Path, todo: list
) -> Iterator[tuple[tuple, list]]:
    truth = crop_to_multiple(load_image(path), factor)
    seen, low = looks(judge, truth), degrade(truth, factor)
    for key in todo:
        yield key, compared(seen, looks(judge, enlarge(networks[key], low, factor)))


def paintings(folder: Path) -> Iterator[tuple]:
    for style in trained_styles():
        key = ("style", style.name, style.file.stem, digest(style.file))
        network = load_style(style.name, style.file).to(device())
        yield pictures_in(folder), [key], partial(judge_painted, network)


def judge_painted(network: nn.Module, judge: Judge, path: Path, todo: list) -> Iterator[tuple]:
    photograph = load_image(path, long_side=SIZE).to(device())
    yield todo[0], compared(looks(judge, photograph), looks(judge, stylize(network, photograph)))


def looks(judge: Judge, image: Tensor) -> list[Judgement]:
    return [judge(image), judge(bicubic(image, SQUARE, SQUARE))]


def compared(truth: list[Judgement], result: list[Judgement]) -> list[float]:
    """The rank of the truth's class (0: first) in each reading, and four distances in the first."""
    ranks = [
        int((b.logits[0] > b.logits[0, a.classes()[0, 0]]).sum())
        for a, b in zip(truth, result, strict=True)
    ]
    return ranks + [round(d, 3) for d in feature_distances(truth[0], result[0]).values()]


def write(tables: Tables, arguments: argparse.Namespace) -> None:
    rows = []
    for key, pictures in tables.items():
        if pictures:
            groups = {"all": pictures} | (grouped(pictures) if key[0] == "style" else {})
            shares = {name: summary(group) for name, group in groups.items() if group}
            rows.append({"key": key, "shares": shares, "pictures": pictures})
    what = (
        "an independent judge, EfficientNet-Lite0: share of pictures whose class survives (share, "
        "and its 95 % Wilson interval), mean distance of features at 1/4 .. 1/32; of each picture: "
        f"the rank of its class {' and '.join(READINGS)}, and the distances"
    )
    settings = {"folder": arguments.folder.name, "long side of what is painted": SIZE}
    save(arguments.out, what, settings, compact=True, tables=rows)


def grouped(pictures: dict[str, list]) -> dict[str, dict]:
    groups = {"animals": {}, "people": {}, "the rest": {}}
    kinds = dict.fromkeys(ANIMALS.split(), "animals") | dict.fromkeys(PEOPLE.split(), "people")
    for name, row in pictures.items():
        groups[kinds.get(name, "the rest")][name] = row
    return groups


def summary(pictures: dict[str, list]) -> dict:
    rows, n = list(pictures.values()), len(pictures)
    shares = {}
    for number, reading in enumerate(READINGS):
        for most in (1, 5):
            hits = sum(row[number] < most for row in rows)
            interval = [round(end, 3) for end in wilson_interval(hits, n)]
            shares[f"top-{most} {reading}"] = [round(hits / n, 3), *interval]
    columns = zip(*(row[len(READINGS) :] for row in rows), strict=True)
    return {"n": n, **shares, "distances": [round(statistics.fmean(c), 4) for c in columns]}


if __name__ == "__main__":
    main()

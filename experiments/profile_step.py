"""Where the time of a training step goes, by kind of work (chapter 6).

    python experiments/profile_step.py [--steps 4] [--out OUT.json]

Full width, crops of 256 pixels, batch 4, the bundled photographs, all switches that are on by
default. PyTorch's profiler adds up the time of each operator by itself.
"""

from shared import result_parser, save
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile

from perceptual_edu import RandomCrops, StyleRecipe, device, photos, train
from perceptual_edu.scale import scale

# Part of an operator's name -> kind of work; the first that fits counts.
KINDS = {
    "convolution_backward": "convolutions backward",
    "convolution": "convolutions forward",
    "cudnn": "convolutions forward",
    "bmm": "Gram matrices",
    "norm": "normalisation",
    "pool": "pooling, ReLU and padding",
    "relu": "pooling, ReLU and padding",
    "clamp_min": "pooling, ReLU and padding",
    "threshold": "pooling, ReLU and padding",
    "pad": "pooling, ReLU and padding",
    "upsample": "upsampling",
    "copy": "copies and conversions",
    "adam": "Adam",
}


def main() -> None:
    parser = result_parser(__doc__, "profile_step")
    parser.add_argument("--steps", type=int, default=4)
    arguments = parser.parse_args()
    size, width = scale(smoke=32, laptop=256, gpu=256), scale(smoke=4, laptop=32, gpu=32)
    recipe = StyleRecipe("starry_night", size=size, width=width)
    bank = RandomCrops.from_folder(photos(), size=size, batch=recipe.batch, device=device())
    run = train(recipe, bank)
    for _ in range(3):
        next(run)
    cuda = device().type == "cuda"
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if cuda else [])]
    with profile(activities=activities, acc_events=True) as found:
        for _ in range(arguments.steps):
            float(next(run).terms.total)
    parts: dict[str, float] = {}
    for event in found.key_averages():
        if event.device_type != DeviceType.CPU:  # a kernel, counted with the operator it is of
            continue
        spent = event.self_device_time_total if cuda else event.self_cpu_time_total
        name = event.key.lower()
        kind = next((kind for part, kind in KINDS.items() if part in name), "other")
        parts[kind] = parts.get(kind, 0) + spent / 1e6 / arguments.steps
    total = sum(parts.values())
    parts = dict(sorted(parts.items(), key=lambda item: -item[1]))
    for kind, seconds in parts.items():
        print(f"{kind:28} {seconds:.3f} s  {seconds / total:.1%}")
    settings = {"size": size, "batch": recipe.batch, "width": width, "switches": "default"}
    what = "seconds of a training step, by kind of work"
    save(arguments.out, what, settings, seconds_per_step=total, parts=parts)


if __name__ == "__main__":
    main()

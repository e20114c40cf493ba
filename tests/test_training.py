"""Training: that it learns, that nothing is lost, and that more processes change nothing."""

import dataclasses
import json
import os
import re
import resource
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest
import torch

from perceptual_edu import LossNetwork, checkpoint, load_image, photo, photos
from perceptual_edu.datasets import RandomCrops
from perceptual_edu.devices import autocast
from perceptual_edu.networks import StyleNet, load_network, read_card, save_network
from perceptual_edu.training import (
    OPTIMIZERS,
    Muon,
    PerformanceOptions,
    StyleRecipe,
    SuperResolutionRecipe,
    TrainingError,
    train,
)
from perceptual_edu.training.optimizers import STYLE_RATE, make_optimizers, restore, schedule
from perceptual_edu.training.starts import widened

TESTS = Path(__file__).parent
RECIPE = StyleRecipe(style="starry_night", style_size=64, width=4, size=32, batch=2, steps=6)


@pytest.fixture(scope="module")
def phi():
    return LossNetwork()


@pytest.fixture(scope="module")
def bank():
    return RandomCrops.from_folder(photos()[:5], short_side=40, size=32, batch=2, device="cpu")


def variant(**changes):
    return dataclasses.replace(RECIPE, **changes)


def weights(path):
    return load_network(path).state_dict()


def assert_same_weights(a, b):
    for name, tensor in a.items():
        if torch.cuda.is_available():  # whose sums have no order
            torch.testing.assert_close(tensor, b[name], rtol=1e-2, atol=1e-3)
        else:
            assert torch.equal(tensor, b[name]), name


@pytest.mark.number_format
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_the_gradient_of_a_batch_is_the_mean_of_its_photographs(layout, bank, phi):
    network, objective = RECIPE.network().to(memory_format=layout), RECIPE.objective(phi)
    batch = bank.batch(0).to(memory_format=layout)

    def gradient(photographs):
        network.zero_grad()
        objective(network, photographs).total.backward()
        return torch.cat([p.grad.flatten() for p in network.parameters()])

    mean = (gradient(batch[:1]) + gradient(batch[1:])) / 2
    assert (gradient(batch) - mean).norm() < 1e-4 * mean.norm()


def test_style_weight_zero_trains_on_content_alone(bank, phi):
    step = next(train(variant(style_weight=0.0), bank, phi=phi))
    assert step.terms.style == 0
    assert step.terms.content > 0


@pytest.mark.number_format
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_training_lowers_the_loss(optimizer, bank, phi):
    steps = train(variant(optimizer=optimizer, steps=15, learning_rate=1e-2), bank, phi=phi)
    totals = [float(step.terms.total) for step in steps]
    assert sum(totals[-3:]) < 0.7 * sum(totals[:3])


def test_muon_leaves_no_parameter_out(bank, phi):
    recipe = variant(optimizer="muon", steps=2)
    before = dict(recipe.network().named_parameters())
    *_, last = train(recipe, bank, phi=phi)
    after = last.network.named_parameters()
    assert [name for name, p in after if torch.equal(p, before[name])] == []


@pytest.mark.number_format
def test_the_fast_switches_train_towards_the_same(bank):
    fast, plain = (
        [float(s.terms.total) for s in train(RECIPE, bank, options=options)]
        for options in (PerformanceOptions(), PerformanceOptions.plain())
    )
    assert fast == pytest.approx(plain, rel=0.15)  # Adam multiplies small differences


def test_a_file_older_than_a_field_of_the_recipe_had_its_default(bank, phi, tmp_path):
    out = tmp_path / "net.safetensors"
    list(train(RECIPE, bank, out, phi=phi))
    card = read_card(out)
    del card["recipe"]["optimizer"]
    save_network(load_network(out), out, card)
    assert list(train(RECIPE, bank, out, phi=phi)) == []
    with pytest.raises(TrainingError, match="with optimizer 'adam', not 'muon'"):
        list(train(variant(optimizer="muon"), bank, out, phi=phi))


@pytest.mark.number_format
@pytest.mark.parametrize(
    "network", [{"norm": "batch"}, {"upsampling": "transposed", "padding": "zero"}]
)
def test_every_network_trains(network, bank, phi):
    *_, last = train(variant(steps=2, **network), bank, phi=phi)
    assert torch.isfinite(last.terms.total)


@pytest.mark.number_format
def test_a_network_of_several_styles_learns_them_all(bank, phi, tmp_path):
    out = tmp_path / "net.safetensors"
    several = dict(style=("starry_night", "mosaic", "stained_glass"), style_size=(64, 80, 96))
    recipe = variant(**several, style_weight=(5.0, 0.5, 1.0), tv=(1e-6, 0.0, 1e-5))
    before = recipe.network().layers[0].norm.weight
    *_, last = train(recipe, bank, out, phi=phi)
    assert (last.network.layers[0].norm.weight != before).any(1).tolist() == [True] * 3
    assert load_network(out).styles == several["style"]
    assert list(train(recipe, bank, out, phi=phi)) == []
    with pytest.raises(TrainingError, match="tv has 2 values; wanted are 3"):
        variant(**several, tv=(1.0, 2.0))


def test_the_loss_of_a_batch_of_styles_is_the_mean_of_the_styles_own(bank, phi):
    each = [
        variant(style=name, style_weight=weight, tv=tv)
        for name, weight, tv in (("starry_night", 5.0, 1e-3), ("mosaic", 0.5, 1e-2))
    ]
    both = variant(style=("starry_night", "mosaic"), style_weight=(5.0, 0.5), tv=(1e-3, 1e-2))
    network, batch = both.network(), bank.batch(0)
    found = both.objective(phi)(network, batch, torch.tensor([4, 7]))
    alone = [
        recipe.objective(phi)(network.only(name), batch[i : i + 1])
        for i, (name, recipe) in enumerate(zip(both.pictures, each, strict=True))
    ]
    for term in ("content", "style", "tv"):
        mean = sum(getattr(terms, term) for terms in alone) / 2
        torch.testing.assert_close(getattr(found, term), mean, rtol=1e-3, atol=1e-3)


def test_a_new_style_on_a_base_learns_scales_and_shifts_only(bank, phi, tmp_path):
    base = tmp_path / "base.safetensors"
    list(train(variant(style=("starry_night", "mosaic")), bank, base, phi=phi))
    recipe = variant(style="stained_glass", base=str(base), steps=2, optimizer="muon")
    *_, last = train(recipe, bank, tmp_path / "new.safetensors", phi=phi)
    assert last.network.styles == ("stained_glass",)
    before = load_network(base)
    mean = before.only({"starry_night": 1, "mosaic": 1})
    for name, values in last.network.named_parameters():
        if "norm" in name:
            assert not torch.equal(values, mean.get_parameter(name)), name
        else:
            assert torch.equal(values, before.get_parameter(name)), name


def test_named_recipes_say_what_the_paper_the_released_models_and_we_do():
    def settings(recipe):
        names = ("width", "norm", "upsampling", "padding", "content_layer", "optimizer")
        return tuple(getattr(recipe, name) for name in names)

    paper, released = StyleRecipe.paper("mosaic"), StyleRecipe.released("mosaic")
    quick = StyleRecipe.quick("mosaic", tv=1e-5)
    assert settings(paper) == (32, "batch", "transposed", "start", "relu2_2", "adam")
    assert settings(released) == (16, "instance", "transposed", "start", "relu3_3", "adam")
    assert settings(quick) == (16, "instance", "resize", "reflection", "relu3_3", "muon")
    assert (paper.steps, paper.batch, paper.size, paper.learning_rate) == (40_000, 4, 256, 1e-3)
    assert quick.tv == 1e-5


def test_a_start_decides_the_architecture_and_the_card_says_so(bank, phi, tmp_path):
    out = tmp_path / "net.safetensors"
    start = str(checkpoint("starry_night"))
    width = load_network(start).config["width"]
    recipe = variant(style="mosaic", start_from=start, width=5, norm="batch", steps=1)
    (step,) = train(recipe, bank, out, phi=phi)
    assert step.network.config["width"] == width != 5
    written = read_card(out)["recipe"]
    assert (written["width"], written["norm"]) == (width, "instance")
    assert load_network(out).styles == ("mosaic",)
    assert list(train(recipe, bank, out, phi=phi)) == []


def test_scales_and_shifts_learn_faster_where_styles_differ_in_nothing_else():
    def rates(recipe):
        network = recipe.network()
        adam, *_ = make_optimizers(network, recipe)
        scale = network.layers[0].norm.weight
        rate_of = {id(p): group["lr"] for group in adam.param_groups for p in group["params"]}
        return rate_of[id(scale)] / recipe.learning_rate

    assert rates(variant(optimizer="muon")) == 1
    assert rates(variant(style=("mosaic", "pointillism"), optimizer="muon")) == STYLE_RATE
    assert rates(variant(base=str(checkpoint("the_scream")))) == STYLE_RATE


def test_a_network_of_one_style_may_start_many_that_begin_as_it(photograph, tmp_path):
    one = load_network(checkpoint("starry_night"))
    names = ("mosaic", "pointillism")
    many = variant(style=names, start_from=str(checkpoint("starry_night"))).network()
    assert many.styles == names
    for name in names:
        torch.testing.assert_close(
            many(photograph, many.mixture(name)), one(photograph), rtol=0, atol=0.01
        )
    save_network(many, tmp_path / "two.safetensors")
    with pytest.raises(TrainingError, match="number of styles is 2; wanted is 3"):
        variant(style=(*names, "udnie"), start_from=str(tmp_path / "two.safetensors")).network()


@pytest.mark.parametrize(
    "how",
    [{}, {"norm": "batch"}, {"upsampling": "transposed", "padding": "start"}, {"styles": 3}],
    ids=["ours", "batch", "paper", "many"],
)
def test_a_widened_network_paints_the_same_and_its_twins_learn_apart(how, photograph):
    narrow = StyleNet(width=3, **how)
    for name, values in narrow.named_parameters():
        if ".norm." in name:
            torch.nn.init.normal_(values, mean=0.5, std=0.5)
    wide = widened(narrow)
    assert wide.config == narrow.config | {"width": 6}
    style = (torch.tensor([[0.2, 0.3, 0.5]]),) if "styles" in how else ()
    pictures = narrow(photograph, *style), wide(photograph, *style)
    torch.testing.assert_close(*pictures, rtol=0, atol=0.02)
    pictures[1].square().mean().backward()
    for layer in (0, 1, 3):
        first = wide.layers[layer].first if layer == 3 else wide.layers[layer]
        one, other = first.conv.weight.grad.chunk(2)
        assert (one - other).norm() > 0.01 * one.norm() > 0


def test_a_training_may_widen_the_network_it_starts_from(bank, phi, tmp_path):
    narrow, wide = tmp_path / "narrow.safetensors", tmp_path / "wide.safetensors"
    list(train(RECIPE, bank, narrow, phi=phi))
    recipe = variant(start_from=str(narrow), widen=True, steps=1)
    list(train(recipe, bank, wide, phi=phi))
    assert load_network(wide).config["width"] == read_card(wide)["recipe"]["width"] == 8
    assert read_card(wide)["before"]["recipe"]["width"] == 4
    assert list(train(recipe, bank, wide, phi=phi)) == []
    with pytest.raises(TrainingError, match="widen wants start_from"):
        train(variant(widen=True), bank, phi=phi)


@pytest.mark.parametrize(
    ("recipe", "words"),
    [
        (variant(start_from=str(checkpoint("x4_pixel"))), "there is a SuperResolutionNet in it"),
        (variant(base=str(checkpoint("x4_srcnn"))), "there is a SRCNN in it"),
        (
            SuperResolutionRecipe(start_from=str(checkpoint("the_scream"))),
            "there is a StyleNet in it; wanted to start from is a SuperResolutionNet or SRCNN",
        ),
        (
            SuperResolutionRecipe(4, start_from=str(checkpoint("x8_pixel"))),
            "its factor is 8, not 4",
        ),
    ],
)
def test_a_start_of_another_kind_is_refused_in_one_line(recipe, words, bank, phi):
    with pytest.raises(TrainingError, match=words) as error:
        train(recipe, bank, phi=phi)
    assert "\n" not in str(error.value)


def test_a_super_resolution_start_decides_the_architecture():
    recipe = SuperResolutionRecipe(start_from=str(checkpoint("x4_srcnn")))
    assert recipe.resolved().architecture == "srcnn"
    with pytest.raises(TrainingError, match="start_from is a and base is b; wanted is one"):
        variant(start_from="a", base="b")


def test_a_new_style_on_a_base_from_the_command_line(command, tmp_path):
    picture = photos()[0]
    base = checkpoint("starry_night")
    out = tmp_path / "net.safetensors"
    train_style = ["train", "style", "mosaic", "--photos", picture, "-o", out]
    small = ["--steps", 1, "--size", 32, "--style-size", 48, "--batch", 1]
    code, _, errors = command(*train_style, *small, "--base", base, "--width", 5)
    assert code == 1
    width = load_network(base).config["width"]
    assert f"starry_night.safetensors: its width is {width}, not 5; leave --width out" in errors
    code, _, errors = command(*train_style, *small, "--base", base)
    assert code == 0, errors
    card = read_card(out)
    assert (card["recipe"]["base"], card["recipe"]["width"]) == (base.name, width)
    assert card["before"]["steps"] == read_card(base)["steps"]
    trained, shipped = (load_network(path).layers[0].conv.weight for path in (out, base))
    torch.testing.assert_close(trained, shipped.half().float(), rtol=0, atol=0)


def test_the_schedule_fills_rates_that_are_tensors_in_place():
    filters = [torch.nn.Parameter(torch.ones(4, 2, 3, 3))]
    rate = torch.tensor(0.1)
    optimizer = Muon(filters, lr=rate)
    (rates,) = schedule([optimizer], variant(steps=4, cooldown=1.0), done=1)
    assert rate.item() == pytest.approx(0.075)
    filters[0].grad = torch.ones(4, 2, 3, 3)
    optimizer.step()
    rates.step()
    assert rate.item() == pytest.approx(0.05)
    assert optimizer.param_groups[0]["lr"] is rate


def test_a_state_without_a_cuda_graph_goes_on_with_this_runs_settings():
    parameter = torch.nn.Parameter(torch.ones(3))
    parameter.grad = torch.ones(3)
    before = torch.optim.Adam([parameter], lr=0.5)
    before.step()
    rate = torch.tensor(0.1)
    after = torch.optim.Adam([parameter], lr=rate, capturable=True, foreach=False)
    restore(after, before.state_dict())
    assert torch.equal(after.param_groups[0]["lr"], rate)
    assert after.param_groups[0]["capturable"]
    assert after.state[parameter]["step"] == 1


def test_the_learning_rate_falls_to_zero_in_the_cooldown(bank, phi):
    steps = train(variant(steps=8, cooldown=0.5), bank, phi=phi)
    changes, before = [], None
    for step in steps:
        now = torch.cat([p.detach().flatten() for p in step.network.parameters()])
        if before is not None:
            changes.append(float((now - before).abs().max()))
        before = now
    assert changes[-1] < 0.4 * changes[2]


@pytest.mark.number_format
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_stopped_training_goes_on_to_the_same_result(optimizer, bank, phi, tmp_path):
    recipe = variant(optimizer=optimizer)
    whole, parts = tmp_path / "whole.safetensors", tmp_path / "parts.safetensors"
    list(train(recipe, bank, whole, phi=phi))
    stopped = train(recipe, bank, parts, phi=phi)
    list(islice(stopped, 3))
    stopped.close()
    assert read_card(parts)["steps"] == 3
    assert [s.step for s in train(recipe, bank, parts, phi=phi)] == [4, 5, 6]
    assert_same_weights(weights(whole), weights(parts))
    assert read_card(whole)["curve"] == read_card(parts)["curve"]
    assert not list(tmp_path.glob("*.training.pt"))


KILLED = """
import os, signal, sys
from test_training import RECIPE, train
from perceptual_edu import photos
from perceptual_edu.datasets import RandomCrops
from perceptual_edu.devices import autocast
bank = RandomCrops.from_folder(photos()[:5], short_side=40, size=32, batch=2, device="cpu")
for step in train(RECIPE, bank, sys.argv[1], save_every=2):
    if step.step == 5:
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_training_goes_on_to_the_same_result(bank, tmp_path):
    whole, killed = tmp_path / "whole.safetensors", tmp_path / "killed.safetensors"
    here = os.path.dirname(__file__)
    done = subprocess.run([sys.executable, "-c", KILLED, killed], cwd=here, check=False)
    assert done.returncode == -9
    assert read_card(killed)["steps"] == 4
    assert [s.step for s in train(RECIPE, bank, killed)] == [5, 6]
    list(train(RECIPE, bank, whole))
    assert_same_weights(weights(whole), weights(killed))


def test_a_finished_training_is_not_repeated(bank, phi, tmp_path):
    out = tmp_path / "net.safetensors"
    assert len(list(train(RECIPE, bank, out, phi=phi))) == 6
    assert list(train(RECIPE, bank, out, phi=phi)) == []


def test_the_card_says_how_it_was_trained_and_no_folder(bank, phi, tmp_path):
    out = tmp_path / "net.safetensors"
    painting = tmp_path / "painting.jpg"
    painting.write_bytes(photos()[0].read_bytes())
    list(train(variant(style=str(painting)), bank, out, phi=phi))
    card = read_card(out)
    assert card["steps"] == 6
    assert card["recipe"]["style"] == "painting.jpg"
    assert card["photographs"] == {"name": bank.name, "count": 5, "digest": bank.digest}
    assert str(tmp_path) not in json.dumps(card)
    assert [row[0] for row in card["curve"]] == [1, 2, 3, 4, 5, 6]
    assert card["losses"]["total"] == pytest.approx(card["curve"][-1][-1], abs=0.1)


def test_nonsense_stops_and_keeps_the_last_good_network(bank, phi, tmp_path):
    out = tmp_path / "net.safetensors"
    recipe = variant(learning_rate=1e30, steps=20)
    with pytest.raises(TrainingError, match=r"step \d+: .*(nan|inf|finite).*lower learning rate"):
        list(train(recipe, bank, out, save_every=1, phi=phi))
    if out.exists():
        assert all(tensor.isfinite().all() for tensor in weights(out).values())


def test_another_recipe_does_not_overwrite(bank, phi, tmp_path):
    out = tmp_path / "net.safetensors"
    list(train(RECIPE, bank, out, phi=phi))
    before = out.read_bytes()
    with pytest.raises(TrainingError, match=r"trained with style_weight 5.0, not 7.0"):
        train(variant(style_weight=7.0), bank, out, phi=phi)
    others = RandomCrops.from_folder(photos()[5:8], short_side=40, size=32, batch=2, device="cpu")
    with pytest.raises(TrainingError, match="other photographs"):
        train(RECIPE, others, out, phi=phi)
    assert out.read_bytes() == before


def test_a_full_disk_leaves_the_old_network(bank, phi, tmp_path):
    out = tmp_path / "net.safetensors"
    stopped = train(RECIPE, bank, out, phi=phi)
    next(stopped)
    stopped.close()
    before = out.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))  # as good as a full disk
    try:
        with pytest.raises(TrainingError, match="cannot be written"):
            list(train(RECIPE, bank, out, phi=phi))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert out.read_bytes() == before
    assert [s.step for s in train(RECIPE, bank, out, phi=phi)] == [2, 3, 4, 5, 6]


def test_a_state_that_cannot_be_used_is_named(bank, phi, tmp_path):
    out, state = tmp_path / "net.safetensors", tmp_path / "net.training.pt"
    state.write_bytes(b"nonsense")
    with pytest.raises(TrainingError, match=r"net\.training\.pt: damaged .* delete it"):
        train(RECIPE, bank, out, phi=phi)
    torch.save({"recipe": "{}", "photographs": bank.digest}, state)  # as another version would
    with pytest.raises(TrainingError, match="of another version"):
        train(RECIPE, bank, out, phi=phi)


def test_two_trainings_do_not_write_the_same_file(bank, phi, tmp_path):
    out = tmp_path / "net.safetensors"
    first = train(RECIPE, bank, out, phi=phi)
    next(first)
    for recipe in (RECIPE, variant(style_weight=7.0)):
        with pytest.raises(TrainingError, match=r"net\.safetensors: another training is"):
            train(recipe, bank, out, phi=phi)
    next(train(RECIPE, bank, tmp_path / "another.safetensors", phi=phi))
    first.close()
    assert not (tmp_path / "net.lock").exists()
    assert len(list(train(RECIPE, bank, out, phi=phi))) == 5
    assert [path.name for path in tmp_path.glob("net.*")] == ["net.safetensors"]


def test_a_wrong_byte_in_what_is_kept_of_a_training_is_noticed(bank, phi, tmp_path):
    out, state = tmp_path / "net.safetensors", tmp_path / "net.training.pt"
    steps = train(RECIPE, bank, out, phi=phi)
    next(steps)
    steps.close()
    data = state.read_bytes()
    for at in (0, 1000, len(data) // 2, len(data) - 1):
        state.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        with pytest.raises(TrainingError, match="damaged"):
            train(RECIPE, bank, out, phi=phi)


def test_a_training_that_cannot_begin_does_not_keep_others_from_it(bank, phi, tmp_path):
    out = tmp_path / "net.safetensors"
    (tmp_path / "net.training.pt").write_bytes(b"nonsense")
    with pytest.raises(TrainingError) as error:
        train(RECIPE, bank, out, phi=phi)
    (tmp_path / "net.training.pt").unlink()
    next(train(RECIPE, bank, out, phi=phi))
    assert "damaged" in str(error.value)


def test_files_that_are_left_out_are_named_once(phi, tmp_path, caplog):
    (tmp_path / "good.jpg").write_bytes(photos()[0].read_bytes())
    (tmp_path / "bad.jpg").write_bytes(b"nonsense")
    list(train(variant(steps=2), tmp_path, phi=phi))
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith("1 of 2 files are left out, as bad.jpg: ")


@pytest.mark.parametrize("name", ["net.pt", "missing/net.safetensors"])
def test_an_impossible_output_is_refused_before_training(name, bank, phi, tmp_path):
    with pytest.raises(TrainingError, match=name.split("/")[-1]):
        train(RECIPE, bank, tmp_path / name, phi=phi)


SHARED = """
import sys
from test_training import RECIPE, PerformanceOptions, train
from perceptual_edu import photos
from perceptual_edu.datasets import RandomCrops
from perceptual_edu.devices import autocast
bank = RandomCrops.from_folder(photos()[:5], short_side=40, size=32, batch=2, device="cpu")
list(train(RECIPE, bank, sys.argv[1], options=PerformanceOptions.plain()))
next(train(RECIPE, bank))  # once more with the same processes
"""


@pytest.mark.parametrize("kind", [["style", "the_scream"], ["sr"]])
def test_crops_that_memory_cannot_hold_are_refused_before_training(kind, command, tmp_path):
    how = ["--photos", photo("hedgehog"), "--size", 320_000, "-o", "x.safetensors"]
    code, _, errors = command("train", *kind, *how)
    assert code == 1
    assert re.search(r"error: a step of \d crops of 320000 x 320000 pixels needs about", errors)
    assert not (tmp_path / "x.safetensors").exists()


def test_two_processes_train_the_same_as_one(bank, tmp_path):
    one, two = tmp_path / "one.safetensors", tmp_path / "two.safetensors"
    script = tmp_path / "shared.py"
    script.write_text(SHARED)
    environment = {**os.environ, "PYTHONPATH": f"{TESTS}:{TESTS.parent}", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    command += ["--master-port", "0", "--standalone", str(script), str(two)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    list(
        train(RECIPE, bank, one, options=PerformanceOptions.plain())
    )  # float32, to compare closely
    curves = [torch.tensor(read_card(path)["curve"]) for path in (one, two)]
    torch.testing.assert_close(*curves, rtol=1e-2, atol=0.2)
    assert "2 processes" in read_card(two)["hardware"]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_cuda_graph_trains_the_same():
    recipe = variant(steps=12)
    bank = RandomCrops.from_folder(photos()[:5], short_side=40, size=32, batch=2)
    curves = [
        [
            float(s.terms.total)
            for s in train(recipe, bank, options=PerformanceOptions(cuda_graph=graph))
        ]
        for graph in (False, True)
    ]
    assert curves[1] == pytest.approx(curves[0], rel=0.02)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_photograph_of_one_colour_does_not_explode(dtype):
    recipe = StyleRecipe("starry_night", style_size=64, width=8, size=48)
    network, phi = recipe.network(), LossNetwork(dtype=dtype)
    photographs = load_image(photo("hedgehog"), square=48).repeat(2, 1, 1, 1)
    photographs[1] = 255.0  # the sky was too bright
    objective = recipe.objective(phi)

    def largest_gradient(batch):
        network.zero_grad()
        with autocast(torch.device("cpu"), dtype):
            total = objective(network, batch).total
        total.backward()
        return max(p.grad.abs().max().item() for p in network.parameters())

    assert largest_gradient(photographs) < 100 * largest_gradient(photographs[:1])
    again = recipe.objective(phi)  # the grain is the same in every run
    assert objective(network, photographs[1:]).total == again(network, photographs[1:]).total

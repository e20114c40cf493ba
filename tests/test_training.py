"""Training: that it learns, that nothing is lost, and that more processes change nothing."""

import dataclasses
import json
import os
import resource
import subprocess
import sys
from itertools import islice

import pytest
import torch

from perceptual_edu import LossNetwork, load_image, photo, photos
from perceptual_edu.datasets import PhotoBank
from perceptual_edu.devices import autocast
from perceptual_edu.networks import load_network, read_card, save_network
from perceptual_edu.training import OPTIMIZERS, StyleRecipe, Switches, TrainingError, train

RECIPE = StyleRecipe(style="starry_night", style_size=64, width=4, size=32, batch=2, steps=6)


@pytest.fixture(scope="module")
def phi():
    return LossNetwork()


@pytest.fixture(scope="module")
def bank():
    return PhotoBank.from_folder(photos()[:5], short_side=40, size=32, batch=2, device="cpu")


def variant(**changes):
    return dataclasses.replace(RECIPE, **changes)


def weights(path):
    return load_network(path).state_dict()


def assert_same_weights(a, b):
    for name, tensor in a.items():
        assert torch.equal(tensor, b[name]), name


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


def test_the_fast_switches_train_towards_the_same(bank):
    fast, plain = (
        [float(s.terms.total) for s in train(RECIPE, bank, switches=switches)]
        for switches in (Switches(), Switches.plain())
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


@pytest.mark.parametrize(
    "network", [{"norm": "batch"}, {"upsampling": "transposed", "padding": "zero"}]
)
def test_every_network_trains(network, bank, phi):
    *_, last = train(variant(steps=2, **network), bank, phi=phi)
    assert torch.isfinite(last.terms.total)


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


def test_the_learning_rate_falls_to_zero_in_the_cooldown(bank, phi):
    steps = train(variant(steps=8, cooldown=0.5), bank, phi=phi)
    changes, before = [], None
    for step in steps:
        now = torch.cat([p.detach().flatten() for p in step.network.parameters()])
        if before is not None:
            changes.append(float((now - before).abs().max()))
        before = now
    assert changes[-1] < 0.4 * changes[2]


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
from perceptual_edu.datasets import PhotoBank
from perceptual_edu.devices import autocast
bank = PhotoBank.from_folder(photos()[:5], short_side=40, size=32, batch=2, device="cpu")
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
    others = PhotoBank.from_folder(photos()[5:8], short_side=40, size=32, batch=2, device="cpu")
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
    with pytest.raises(TrainingError, match=r"of another version \('optimizers'\); delete it"):
        train(RECIPE, bank, out, phi=phi)


@pytest.mark.parametrize("name", ["net.pt", "missing/net.safetensors"])
def test_an_impossible_output_is_refused_before_training(name, bank, phi, tmp_path):
    with pytest.raises(TrainingError, match=name.split("/")[-1]):
        train(RECIPE, bank, tmp_path / name, phi=phi)


SHARED = """
import sys
from test_training import RECIPE, Switches, train
from perceptual_edu import photos
from perceptual_edu.datasets import PhotoBank
from perceptual_edu.devices import autocast
bank = PhotoBank.from_folder(photos()[:5], short_side=40, size=32, batch=2, device="cpu")
list(train(RECIPE, bank, sys.argv[1], switches=Switches.plain()))
"""


def test_two_processes_train_the_same_as_one(bank, tmp_path):
    one, two = tmp_path / "one.safetensors", tmp_path / "two.safetensors"
    script = tmp_path / "shared.py"
    script.write_text(SHARED)
    environment = {**os.environ, "PYTHONPATH": os.path.dirname(__file__), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    command += ["--master-port", "0", "--standalone", str(script), str(two)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    list(train(RECIPE, bank, one, switches=Switches.plain()))  # float32, to compare closely
    curves = [torch.tensor(read_card(path)["curve"]) for path in (one, two)]
    torch.testing.assert_close(*curves, rtol=1e-2, atol=0.2)
    assert "2 processes" in read_card(two)["hardware"]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_cuda_graph_trains_the_same():
    recipe = variant(steps=12)
    bank = PhotoBank.from_folder(photos()[:5], short_side=40, size=32, batch=2)
    curves = [
        [float(s.terms.total) for s in train(recipe, bank, switches=Switches(cuda_graph=graph))]
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

import subprocess
import sys

import psutil
import pytest
import torch

from perceptual_edu import devices, fast_dtype, provenance, scale
from perceptual_edu.devices import autocast, free_memory


@pytest.mark.parametrize("name", ["smoke", "laptop", "gpu"])
def test_the_environment_chooses_the_scale(monkeypatch, name):
    monkeypatch.setenv("PERCEPTUAL_EDU_SCALE", name)
    assert scale(smoke="smoke", laptop="laptop", gpu="gpu") == name
    assert f"{name} scale" in provenance()


def test_an_unknown_scale_is_refused(monkeypatch):
    monkeypatch.setenv("PERCEPTUAL_EDU_SCALE", "huge")
    with pytest.raises(ValueError, match=r"'huge'.*smoke, laptop, gpu"):
        scale(smoke=1, laptop=2, gpu=3)


def test_the_number_format_can_be_chosen_by_hand(monkeypatch):
    for name, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
        monkeypatch.setenv("PERCEPTUAL_EDU_DTYPE", name)
        assert fast_dtype() == dtype
    monkeypatch.setenv("PERCEPTUAL_EDU_DTYPE", "half")
    with pytest.raises(ValueError, match="PERCEPTUAL_EDU_DTYPE is 'half'; set it to one of"):
        fast_dtype()


@pytest.mark.skipif(torch.cuda.is_available(), reason="the processor is not what decides")
@pytest.mark.parametrize(
    ("vendor", "flags", "dtype"),
    [
        ("GenuineIntel", "fpu avx512f avx512_bf16 amx_bf16 amx_tile", torch.bfloat16),
        ("GenuineIntel", "fpu avx512f avx512_bf16", torch.float32),  # has it, and is slower in it
        ("AuthenticAMD", "fpu avx512f avx512_bf16", torch.bfloat16),
        ("AuthenticAMD", "fpu avx2", torch.float32),
        ("", "", torch.float32),  # not Linux
    ],
)
def test_a_processor_computes_in_bfloat16_only_where_that_is_faster(
    monkeypatch, vendor, flags, dtype
):
    monkeypatch.delenv("PERCEPTUAL_EDU_DTYPE", raising=False)
    monkeypatch.setattr(devices, "cpuinfo", {"vendor_id": vendor, "flags": flags}.get)
    devices.cpu_has_fast_bf16.cache_clear()
    try:
        assert fast_dtype() == (torch.float32 if devices.device().type == "mps" else dtype)
    finally:
        devices.cpu_has_fast_bf16.cache_clear()


def test_autocast_with_float32_changes_nothing_and_does_not_warn():
    x = torch.randn(3, 3)
    for dtype in (torch.float32, torch.bfloat16):
        with autocast(torch.device("cpu"), dtype):
            assert (x @ x).dtype == dtype


# ---------------------------------------------------------------- memory


def test_free_memory_is_what_the_machine_has_at_most():
    assert 1e6 < free_memory() <= 1.2 * psutil.virtual_memory().available
    assert free_memory(torch.device("cpu")) <= psutil.virtual_memory().total


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not keep to these limits")
@pytest.mark.parametrize("limit", ["AS", "DATA"])
def test_free_memory_is_what_the_process_may_have(limit):
    program = (
        "import psutil, resource\nfrom perceptual_edu.devices import free_memory\n"
        f"used = psutil.Process().memory_info().{'vms' if limit == 'AS' else 'data'}\n"
        f"resource.setrlimit(resource.RLIMIT_{limit}, (used + 300_000_000,) * 2)\n"
        "before = free_memory()\nkept = bytearray(100_000_000)\nprint(before, free_memory())"
    )
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout
    before, after = map(float, out.split())
    assert before == pytest.approx(300e6, abs=20e6)
    assert after == pytest.approx(200e6, abs=20e6)


def control_group(folder, limit, usage, spare, names):
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in zip(names, (limit, usage), strict=True):
        (folder / name).write_text(f"{value}\n")
    key = "inactive_file" if names[0] == "memory.max" else "total_inactive_file"
    (folder / "memory.stat").write_text(f"anon 5\n{key} {spare}\n")


V1 = ("memory.limit_in_bytes", "memory.usage_in_bytes")
V2 = ("memory.max", "memory.current")


@pytest.mark.parametrize(
    ("groups", "where", "names"),
    [
        ("0::/a/b\n", "a", V2),  # the limit of a group around ours
        ("0::/a/b\n", "a/b", V2),
        ("0::/\n", "", V2),  # in a container
        ("5:cpu:/x\n4:memory:/docker/1f\n0::/\n", "memory/docker/1f", V1),
        ("4:memory:/docker/1f\n", "memory", V1),  # in a container that does not see its path
        ("4:cpu,memory:/a\n", "cpu,memory/a", V1),
    ],
)
def test_free_memory_is_what_the_container_may_have(tmp_path, groups, where, names):
    (tmp_path / "groups").write_text(groups)
    control_group(tmp_path / "mount" / where, 1000, 700, 200, names)
    found = devices.containers_free(tmp_path / "mount", tmp_path / "groups")
    assert found == [500.0]


def test_of_several_containers_the_tightest_counts_and_no_limit_is_none(tmp_path):
    (tmp_path / "groups").write_text("0::/a/b\n")
    for where, limit in (("", "max"), ("a", 900), ("a/b", 2000)):
        control_group(tmp_path / "mount" / where, limit, 100, 0, V2)
    found = devices.containers_free(tmp_path / "mount", tmp_path / "groups")
    assert sorted(found) == [800.0, 1900.0]
    assert devices.containers_free(tmp_path, tmp_path / "none") == []

"""A CUDA device that is pretended, to test the code that runs on one where there is none.

    with pretended_cuda() as gpu:
        list(train(recipe, bank))

PyTorch says that there is a GPU. What is made there lies in ordinary memory and is computed by the
processor, but its memory is marked: mixing devices is refused as CUDA refuses it, what waits for
the device is counted, and so is what starts kernels. A graph records operations without executing
them and replays them without Python, so that what a graph would freeze is frozen here.

It pretends no speed, no rounding of CUDA's kernels, no order of its streams and no memory limit.
"""

from collections import Counter
from contextlib import contextmanager, nullcontext
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes

CUDA = torch.device("cuda", 0)
NAME = "a pretended GPU"

# What starts no kernel: memory, and other views of it.
NO_KERNEL = {"empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided", "detach"}
NO_KERNEL |= {"_unsafe_view", "alias", "lift_fresh", "_local_scalar_dense", "_reshape_alias"}
WAITS = {"_local_scalar_dense", "nonzero", "masked_select", "equal", "is_nonzero", "_unique2"}
MAY_MIX = {"copy_", "set_", "lift_fresh"}


def tensors_in(*values):
    """All tensors in lists, tuples and dicts, at any depth."""
    found = []
    for value in values:
        if isinstance(value, Tensor):
            found.append(value)
        elif isinstance(value, list | tuple):
            found += tensors_in(*value)
        elif isinstance(value, dict):
            found += tensors_in(*value.values())
    return found


def storage_of(tensor):
    with torch._C.DisableTorchFunction():
        return tensor.untyped_storage()


def is_cuda(device):
    return isinstance(device, int) or torch.device(device).type == "cuda"


class PretendedCuda(TorchDispatchMode):
    """What lies on the device, and what has been done with it.

    ``reads`` counts by name what made the processor wait for the device and ``operations`` what
    starts a kernel; replaying a graph is none.
    """

    def __init__(self):
        super().__init__()
        self.marks, self.reads, self.operations = {}, Counter(), Counter()
        self.made_there = False  # whether what the running call makes is made there
        self.tape = self.before = None  # of a graph that is being captured

    def has(self, tensor):
        return storage_of(tensor)._cdata in self.marks

    def mark(self, *tensors, there=True):
        for storage in map(storage_of, tensors):
            if there:  # a weak reference keeps the address from being used again
                self.marks[storage._cdata] = StorageWeakRef(storage)
            else:
                self.marks.pop(storage._cdata, None)
        if len(self.marks) > 20_000:
            self.marks = {k: ref for k, ref in self.marks.items() if not ref.expired()}
        return tensors[0] if tensors else None

    def read(self, what):
        self.refuse_in_a_graph(what)
        self.reads[what] += 1

    def refuse_in_a_graph(self, what):
        if self.tape is not None:
            raise RuntimeError(f"{what}: operation not permitted when stream is capturing")

    @contextmanager
    def counted(self):
        """Count what happens inside: an object with ``reads`` and ``operations``."""
        reads, operations, found = self.reads.copy(), self.operations.copy(), SimpleNamespace()
        yield found
        found.reads, found.operations = self.reads - reads, self.operations - operations

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs, name = dict(kwargs or {}), func.overloadpacket.__name__
        inputs = tensors_in(args, kwargs)
        there = [self.has(tensor) for tensor in inputs]
        if name == "index" and there[0] and not all(there):  # a list of numbers, say
            self.refuse_in_a_graph("indices from the processor")
        elif any(there) and name not in MAY_MIX:
            strict = name in ("cat", "stack")  # elsewhere single numbers may lie anywhere
            if any(not t and (x.dim() or strict) for t, x in zip(there, inputs, strict=True)):
                raise RuntimeError(
                    f"Expected all tensors to be on the same device, but {name} found cuda and cpu"
                )
        if name == "copy_" and there[0] != there[1]:
            self.refuse_in_a_graph("a copy from one device to the other")
            if there[1]:
                self.read("a copy to the processor")
        if any(there) and (name in WAITS or (name == "index" and self._by_truth(inputs[1:]))):
            self.read(name)
        if self.made_there and isinstance(kwargs.get("generator"), torch.Generator):
            raise RuntimeError("Expected a 'cuda' device type for generator but found 'cpu'")
        result = self._recorded(func, args, kwargs) if self.tape is not None else None
        result = func(*args, **kwargs) if result is None else result[0]
        if any(there) or (not inputs and self.made_there):
            if not func.is_view and name not in NO_KERNEL:
                self.operations[name] += 1
            old = {storage_of(x)._cdata for x in inputs}
            self.mark(*(x for x in tensors_in(result) if storage_of(x)._cdata not in old))
        return result

    @staticmethod
    def _by_truth(indices):
        return any(index.dtype == torch.bool for index in indices)

    def _recorded(self, func, args, kwargs):
        """The call, put on the tape; what it overwrites is kept, for capturing changes nothing."""
        named = dict(zip((a.name for a in func._schema.arguments), args, strict=False)) | kwargs
        for argument in func._schema.arguments:
            if argument.alias_info is not None and argument.alias_info.is_write:
                for storage in map(storage_of, tensors_in(named.get(argument.name))):
                    self.before.setdefault(storage._cdata, (storage, storage.clone()))
        result = func(*args, **kwargs)
        self.tape.append((func, args, kwargs, result))
        return (result,)


class _Calls(TorchFunctionMode):
    """Python's calls: they say on which device what is made within them is made."""

    def __init__(self, gpu):
        super().__init__()
        self.gpu = gpu

    def __torch_function__(self, func, types, args=(), kwargs=None):
        gpu, kwargs = self.gpu, dict(kwargs or {})
        device, outer = kwargs.get("device"), gpu.made_there
        gpu.made_there = is_cuda(device) if device is not None else self._any(args, kwargs)
        there = device is not None and gpu.made_there
        if there:
            kwargs["device"] = "cpu"
            if func in (torch.tensor, torch.as_tensor):
                gpu.refuse_in_a_graph("a tensor made of Python's numbers")
        try:
            result = func(*args, **kwargs)
        finally:
            gpu.made_there = outer
        if there:
            gpu.mark(*tensors_in(result))
        return result

    def _any(self, args, kwargs):
        return any(map(self.gpu.has, tensors_in(args, kwargs)))


class Graph:
    """A CUDA graph: operations and the memory they read and write."""

    tape = ()

    def replay(self):
        with _disable_current_modes(), torch._C._AutoDispatchBelowAutograd():
            for func, args, kwargs, results in self.tape:
                again = func(*args, **kwargs)
                for old, new in zip(tensors_in(results), tensors_in(again), strict=True):
                    if storage_of(old)._cdata != storage_of(new)._cdata:
                        old.copy_(new)


@contextmanager
def pretended_cuda():
    """Pretend a CUDA device, for this thread and what is called inside."""
    gpu = PretendedCuda()
    with pytest.MonkeyPatch.context() as patch:
        _pretend_tensors(gpu, patch)
        _pretend_module(gpu, patch)
        with gpu, _Calls(gpu):
            yield gpu


def _pretend_tensors(gpu, patch):
    base = torch._C.TensorBase

    def to(self, *args, **kwargs):
        with torch._C.DisableTorchFunction():
            kwargs.pop("copy", None)
            if args and isinstance(args[0], Tensor):
                other = args[0]
                args = (other.device, other.dtype)
            device, dtype, _, memory_format = torch._C._nn._parse_to(*args, **kwargs)
            result, there = self, gpu.has(self)
            if device is not None and device.type != "meta" and is_cuda(device) != there:
                if there:
                    gpu.read("to the processor")
                gpu.refuse_in_a_graph("to the device")
                result = self.clone()
                gpu.mark(result, there=not there)
            elif device is not None and device.type == "meta":
                return base.to(self, device)
            how = {} if memory_format is None else {"memory_format": memory_format}
            return base.to(result, dtype or result.dtype, **how)

    def numpy(self, *args, **kwargs):
        if gpu.has(self):
            raise TypeError("can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu()")
        return base.numpy(self, *args, **kwargs)

    def tolist(self):
        if gpu.has(self):
            gpu.read("tolist")
        with torch._C.DisableTorchFunction():
            return base.tolist(self)

    def deepcopy(self, memo, original=Tensor.__deepcopy__):
        result = original(self, memo)
        return gpu.mark(result) if gpu.has(self) else result

    def device(self):
        return CUDA if gpu.has(self) else base.device.__get__(self)

    for name, value in {
        "device": property(device),
        "is_cuda": property(lambda self: gpu.has(self)),
        "is_cpu": property(lambda self: device(self).type == "cpu"),
        "to": to,
        "cpu": lambda self, **_: to(self, "cpu"),
        "cuda": lambda self, *_, **__: to(self, "cuda"),
        "pin_memory": lambda self: self,
        "numpy": numpy,
        "__array__": lambda self, dtype=None, copy=None: numpy(self).astype(dtype or None),
        "tolist": tolist,
        "__deepcopy__": deepcopy,
    }.items():
        patch.setattr(Tensor, name, value, raising=False)


def _pretend_module(gpu, patch):
    class Autocast(torch.autocast):
        def __init__(self, device_type, *args, **kwargs):
            super().__init__("cpu" if device_type == "cuda" else device_type, *args, **kwargs)

    @contextmanager
    def graph(captured, *_, **__):
        captured.tape, gpu.tape, gpu.before = [], [], {}
        try:
            yield
            captured.tape = gpu.tape
        finally:
            with _disable_current_modes():
                for storage, values in gpu.before.values():
                    storage.copy_(values)
            gpu.tape = gpu.before = None

    def capturing():
        return gpu.tape is not None

    def grouped(groups, original=torch.optim.Optimizer._group_tensors_by_device_and_dtype):
        found = original(groups)
        return {
            (CUDA if any(map(gpu.has, tensors_in(lists))) else device, dtype): (lists, places)
            for (device, dtype), (lists, places) in found.items()
        }

    stream = SimpleNamespace(wait_stream=lambda other: None, is_capturing=capturing)
    for name, value in {
        "is_available": lambda: True,
        "is_initialized": lambda: True,
        "_lazy_init": lambda: None,
        "synchronize": lambda *_: None,
        "mem_get_info": lambda *_: (70 * 10**9, 80 * 10**9),
        "memory_reserved": lambda *_: 0,
        "memory_allocated": lambda *_: 0,
        "get_device_name": lambda *_: NAME,
        "get_device_capability": lambda *_: (9, 0),
        "is_bf16_supported": lambda *_, **__: True,
        "current_device": lambda: 0,
        "device_count": lambda: 1,
        "Stream": lambda *_, **__: stream,
        "current_stream": lambda *_: stream,
        "stream": lambda _: nullcontext(),
        "CUDAGraph": Graph,
        "graph": graph,
        "is_current_stream_capturing": capturing,
    }.items():
        patch.setattr(torch.cuda, name, value)
    patch.setattr(torch, "autocast", Autocast)
    patch.setattr(torch.accelerator, "current_accelerator", lambda *_, **__: CUDA)
    patch.setattr(torch.accelerator, "current_stream", lambda *_: stream)
    patch.setattr(
        torch.optim.Optimizer, "_group_tensors_by_device_and_dtype", staticmethod(grouped)
    )

# Files that torch itself wrote: /usr/bin/python3 make.py with torch 1.13 (Debian's python3-torch).
# Every value is a count from the tensor's own start, so that the tests need no second file.
import collections

import torch


def count(dtype, *shape):
    size = 1
    for extent in shape:
        size *= extent
    return torch.arange(size, dtype=torch.float64).reshape(shape).to(dtype)


base = count(torch.float32, 4, 6)
state = collections.OrderedDict()
for name in ["float32", "float16", "bfloat16", "float64", "int64", "int32", "int16", "int8", "uint8"]:
    state[name] = count(getattr(torch, name), 2, 3)
state["bool"] = torch.tensor([False, True])
state["base"] = base
state["transposed"] = base.t()
state["slice"] = base[1:3, 2:5]
state["steps"] = base[::2, ::3]
state["scalar"] = torch.tensor(2.5)
state["empty"] = torch.zeros(0, 3)
state["parameter"] = torch.nn.Parameter(count(torch.float32, 3))
state["permuted"] = count(torch.float32, 2, 3, 4, 5).permute(2, 0, 3, 1)
checkpoint = {"state_dict": state, "global_step": 470000, "epoch": 3, "betas": (0.9, 0.999), "name": "größe", "shape": torch.Size([1, 2])}
torch.save(checkpoint, "zip.ckpt")
torch.save(checkpoint, "legacy.ckpt", _use_new_zipfile_serialization=False)
torch.save(torch.nn.Linear(2, 2), "module.pt")

"""Synthetic weights and inputs, bit for bit those of the reference data (the formula is in tests/goldens/README.md)."""

import math

import torch

_WRAP = 1 << 64


def fnv1a64(key: str) -> int:
    h = 0xCBF29CE484222325
    for byte in key.encode("utf-8"):
        h = (h ^ byte) * 0x100000001B3 % _WRAP
    return h


def _signed(value: int) -> int:
    """The int64 with the bits of an unsigned 64-bit value: int64 arithmetic wraps around alike."""
    value %= _WRAP
    return value - _WRAP if value >> 63 else value


def _xor_shift(z, bits: int):
    """z ^ (z >> bits) with a logical shift; int64 shifts are arithmetic, so the copied sign bits are masked off."""
    return z.bitwise_xor_((z >> bits).bitwise_and_((1 << (64 - bits)) - 1))


def uniform(key: str, shape, device="cpu"):
    """Float32 values in [-1, 1) that depend on the key and the row-major index alone."""
    shape, device = tuple(shape), torch.device(device)
    values = torch.empty(math.prod(shape), dtype=torch.float32, device=device)
    chunk = 1 << (16 if device.type == "cpu" else 26)      # in cache on a CPU, one launch on a GPU
    seed = _signed(fnv1a64(key))
    for start in range(0, values.numel(), chunk):
        part = values[start:start + chunk]
        z = torch.arange(start + 1, start + 1 + part.numel(), dtype=torch.int64, device=device)
        z.mul_(_signed(0x9E3779B97F4A7C15)).add_(seed)
        _xor_shift(z, 30).mul_(_signed(0xBF58476D1CE4E5B9))
        _xor_shift(z, 27).mul_(_signed(0x94D049BB133111EB))
        _xor_shift(z, 31)
        part.copy_((z >> 40).bitwise_and_((1 << 24) - 1).sub_(1 << 23)).mul_(2.0 ** -23)
    return values.view(shape)


def gauss_like(key: str, shape, device="cpu"):
    """Uniform values of unit variance."""
    return uniform(key, shape, device).mul_(_float32(math.sqrt(3.0)))


def weight(prefix: str, name: str, shape, device="cpu"):
    u, last = uniform(prefix + name, shape, device), name.rsplit(".", 1)[-1]
    if last in ("weight_g", "grep_a") or (len(shape) == 1 and last == "weight"):
        return u.mul_(0.125).add_(1.0)
    if len(shape) <= 1:
        return u.mul_(0.015625)
    return u.mul_(_float32(math.sqrt(3.0 / math.prod(shape[1:]))))


@torch.no_grad()
def fill(module, prefix: str):
    """Fills every parameter by its name; a tied tensor gets the values of its first name. Then folds what can be folded."""
    for name, parameter in module.named_parameters():
        parameter.copy_(weight(prefix, name, parameter.shape, parameter.device))
    for child in module.modules():
        if hasattr(child, "fold"):
            child.fold()
    return module


def verify(device="cpu"):
    """Asserts the published test vectors, so that a device that rounds or wraps differently is found out."""
    def bits(values):
        return " ".join(f"{value & 0xFFFFFFFF:08X}" for value in values.view(torch.int32).tolist())

    conv = weight("unet/", "conv_in.weight", (320, 4, 3, 3), device).flatten()
    norm = weight("unet/", "conv_norm_out.weight", (320,), device)
    bias = weight("text_encoder/", "text_model.final_layer_norm.bias", (768,), device)
    noise = gauss_like("unet/sd14/sample", (2,), device)
    assert bits(conv[:8]) == "3D92D968 BC311463 3E75413A 3E5AE48B BE327FC0 BE360746 BE407105 3DD11617"
    assert bits(conv[-1:]) == "BE102435" and abs(conv.double().sum().item() + 29.42067414845951) < 1e-9
    assert bits(norm[:8]) == "3F8A5165 3F8F041E 3F896BD4 3F86E687 3F74DD66 3F6834D7 3F8CF5CB 3F8E5654"
    assert bits(bias[:8]) == "3A3CD100 BA5D2D40 38FE5000 3C30DC56 3C7ABA5E 3BE413CC 3BD90210 3B1AB198"
    assert bits(noise) == "3F57A72F BF44DA85"


def _float32(value: float) -> float:
    return torch.tensor(value, dtype=torch.float32).item()

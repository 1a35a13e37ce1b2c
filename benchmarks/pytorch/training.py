#!/usr/bin/env python3
"""The PyTorch side of the training benchmark: one update of the embedder each time it is asked.

Reads lines from standard input, answers each with one line of JSON on standard output:

    step     forward through embedder, text encoder and UNet with the paper's loss, backward, AdamW
             -> {"ms": 1234.5, "loss": 1.02, "norm": 0.03, "peak_gb": 9.8}

Networks, weights and inputs are those of AudioToken.Benchmarks, made by the same formula. All but the embedder is frozen. Results of residual blocks
and transformers are computed again on the way back (torch.utils.checkpoint), as AudioToken does it: without that a step does not fit.
"""

import argparse
import json
import resource
import sys
import time

import torch
import torch.nn.functional as F
from torch.utils.checkpoint import checkpoint

from networks import clip_text, embedder, unet, weights
from networks.blocks import ResnetBlock

PROMPT = (49406, 320, 1125, 539, clip_text.PLACEHOLDER)   # "a photo of <*>"


def frozen(module, prefix):
    return weights.fill(module.requires_grad_(False), prefix)


def recompute(module):
    forward = module.forward
    module.forward = lambda *inputs: checkpoint(forward, *inputs, use_reentrant=False)


class Training:
    def __init__(self, batch, side, tokens, timestep):
        self.embedder = weights.fill(embedder.Embedder(), "embedder/")
        self.text = frozen(clip_text.ClipText(), "text_encoder/")
        self.unet = frozen(unet.UNet(), "unet/").to(memory_format=torch.channels_last)
        for module in list(self.unet.modules()) + list(self.text.modules()):
            if isinstance(module, (ResnetBlock, unet.Transformer2D, clip_text.Layer)):
                recompute(module)
        self.optimiser = torch.optim.AdamW(self.embedder.parameters(), lr=1e-5, weight_decay=1e-2)
        self.features = weights.gauss_like("bench/features", (batch, tokens, 2304))
        self.ids = torch.tensor([list(PROMPT) + [clip_text.PAD] * (77 - len(PROMPT))] * batch)
        self.noise = weights.gauss_like("bench/noise", (batch, 4, side, side))
        self.times = torch.full((batch,), timestep)
        betas = torch.linspace(0.00085 ** 0.5, 0.012 ** 0.5, 1000, dtype=torch.float64) ** 2
        kept = torch.cumprod(1 - betas, 0)[timestep].item()
        latents = weights.gauss_like("bench/latents", (batch, 4, side, side))
        self.noisy = (kept ** 0.5 * latents + (1 - kept) ** 0.5 * self.noise).contiguous(memory_format=torch.channels_last)

    def step(self):
        token = self.embedder(self.features)
        predicted = self.unet(self.noisy, self.times, self.text(self.ids, token))
        loss = F.mse_loss(predicted, self.noise) + 0.01 * token.abs().mean()
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.stack([p.grad.double().square().sum() for p in self.embedder.parameters()]).sum().sqrt()
        self.optimiser.step()
        return loss.item(), norm.item()


def main():
    parser = argparse.ArgumentParser()
    for name, value in (("threads", 2), ("batch", 1), ("side", 64), ("tokens", 248), ("timestep", 481)):
        parser.add_argument("--" + name, type=int, default=value)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(json.dumps({"torch": torch.__version__, "threads": torch.get_num_threads()}), flush=True)
    training = None
    for _ in sys.stdin:
        training = training or Training(options.batch, options.side, options.tokens, options.timestep)
        start = time.perf_counter()
        loss, norm = training.step()
        print(json.dumps({
            "ms": 1000 * (time.perf_counter() - start), "loss": loss, "norm": norm,
            "peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9}), flush=True)


if __name__ == "__main__":
    main()

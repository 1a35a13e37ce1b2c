#!/usr/bin/env python3
"""The PyTorch side of the stage benchmark: runs one stage each time it is asked, and says how long it took.

Reads lines from standard input, answers each with one line of JSON on standard output:

    run NAME     one forward pass; builds the network at its first use   -> {"ms": 1234.5, "sample": [first values], "rms": 0.98}
    drop NAME    frees the network                                      -> {}

Names: beats, embedder, text, unet-1, unet-2, vae. Inputs and weights are those of AudioToken.Benchmarks, made by the same formula.
"""

import argparse
import gc
import json
import sys
import time

import torch

from networks import beats, clip_text, embedder, unet, vae, weights

PROMPT = torch.tensor([list(clip_text.PROMPT) + [clip_text.PAD] * (77 - len(clip_text.PROMPT))])
EMPTY = torch.tensor([list(clip_text.EMPTY) + [clip_text.PAD] * (77 - len(clip_text.EMPTY))])


def build(factory, prefix):
    return weights.fill(factory().eval().requires_grad_(False), prefix)


def channels_last(module):
    return module.to(memory_format=torch.channels_last)


def make_unet(batch):
    model = channels_last(build(unet.UNet, "unet/"))
    sample = weights.gauss_like("bench/latents", (batch, 4, 64, 64)).contiguous(memory_format=torch.channels_last)
    context = weights.gauss_like("bench/context", (batch, 77, 768))
    time_step = torch.full((batch,), 981)
    return lambda: model(sample, time_step, context).permute(0, 2, 3, 1)


def make_vae():
    model = channels_last(build(vae.AutoencoderKL, "vae/"))
    latents = weights.gauss_like("bench/vae", (1, 4, 64, 64)).contiguous(memory_format=torch.channels_last)
    return lambda: model.decode(latents).permute(0, 2, 3, 1)


def make_beats():
    model = build(beats.Beats, "beats/")
    fbank = weights.gauss_like("bench/fbank", (1, 998, 128))
    return lambda: model(fbank)


def make_embedder():
    model = build(embedder.Embedder, "embedder/")
    features = weights.gauss_like("bench/features", (1, 496, 2304))
    return lambda: model(features)


def make_text():
    model = build(clip_text.ClipText, "text_encoder/")
    ids = torch.cat([EMPTY, PROMPT])
    token = weights.gauss_like("bench/token", (1, 768))
    return lambda: model(ids, token)


STAGES = {
    "beats": make_beats, "embedder": make_embedder, "text": make_text,
    "unet-1": lambda: make_unet(1), "unet-2": lambda: make_unet(2), "vae": make_vae,
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=2)
    torch.set_num_threads(parser.parse_args().threads)
    stages = {}
    print(json.dumps({"torch": torch.__version__, "threads": torch.get_num_threads()}), flush=True)
    for line in sys.stdin:
        verb, name = line.split()
        if verb == "drop":
            stages.pop(name, None)
            gc.collect()
            print("{}", flush=True)
            continue
        with torch.inference_mode():
            if name not in stages:
                stages[name] = STAGES[name]()
            start = time.perf_counter()
            output = stages[name]()
            elapsed = time.perf_counter() - start
            flat = output.reshape(-1)
            print(json.dumps({
                "ms": 1000 * elapsed, "sample": flat[:8].tolist(), "rms": flat.double().square().mean().sqrt().item()}), flush=True)


if __name__ == "__main__":
    main()

#!/usr/bin/env bash
# Publishes the command line with NativeAOT and compares its picture with that of the ordinary build, byte for byte.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
sound=src/AudioToken.Cli/Demo/bell.wav

dotnet publish src/AudioToken.Cli -c Release -r linux-x64 -p:PublishAot=true -o "$work/aot" 2>&1 | tee "$work/publish.log" | tail -n 2
if grep -E 'warning (IL|AOT)' "$work/publish.log"; then echo "the publish has trimming or AOT warnings"; exit 1; fi
"$work/aot/audiotoken" generate "$sound" --seed 7 --steps 4 --quiet -o "$work/aot.png"
dotnet run --project src/AudioToken.Cli -c Release --no-build -- generate "$sound" --seed 7 --steps 4 --quiet -o "$work/jit.png"
cmp "$work/aot.png" "$work/jit.png"

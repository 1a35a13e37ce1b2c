#!/usr/bin/env bash
# How long a user waits for the first picture of the demonstration model: the process' start to its end, medians of runs in turns.
# benchmarks/start.sh FOLDER [RUNS] prints JSON; FOLDER is what 'dotnet publish … -p:PublishAot=true' wrote.
set -euo pipefail
export LC_ALL=C
folder=$(realpath "${1:?the folder of the published program}")
runs=${2:-10}
cd "$(dirname "$0")/.."
program=$folder/audiotoken sound=src/AudioToken.Cli/Demo/bell.wav
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

names=(help default one_step unguided steps_10 pndm_50 lcm_4)
declare -A options=(
  [default]="" [one_step]="--steps 1" [unguided]="--cfg-scale 1"
  [steps_10]="--steps 10" [pndm_50]="--sampling-method pndm --steps 50 --cfg-scale 7.5" [lcm_4]="--sampling-method lcm --steps 4 --cfg-scale 1")

run() {
  if [ "$1" = help ]; then
    "$program" generate --help > "$work/out.txt"
  else
    # shellcheck disable=SC2086 # options are words
    "$program" generate "$sound" ${options[$1]} --seed 7 --quiet --force --json -o "$work/out.png" > "$work/out.txt"
  fi
}

median() { sort -n "$1" | awk '{ v[NR] = $1 } END { printf "%.1f", (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'; }

for ((i = 0; i <= runs; i++)); do
  for name in "${names[@]}"; do
    begin=${EPOCHREALTIME/./}
    run "$name"
    end=${EPOCHREALTIME/./}
    ((i > 0)) || continue # the first round warms the page cache
    echo "$(((end - begin) / 100))" | sed 's/.$/.&/' >> "$work/$name.ms"
    for stage in load sound text denoising decoding; do
      { grep -o "\"${stage}_s\":[0-9.]*" "$work/out.txt" || true; } | awk -F: '{ print $2 * 1000 }' >> "$work/$name.$stage"
    done
  done
done

echo "{"
echo "  \"machine\": \"$(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1), $(nproc) cores\","
echo "  \"commit\": \"$(git rev-parse --short HEAD)\","
echo "  \"runs\": $runs,"
echo "  \"unit\": \"ms, median\","
for name in "${names[@]}"; do
  printf '  "%s": { "options": "%s", "whole": %s, "least": %s' "$name" "${options[$name]-}" "$(median "$work/$name.ms")" "$(sort -n "$work/$name.ms" | head -n 1)"
  if [ -s "$work/$name.load" ]; then
    for stage in load sound text denoising decoding; do printf ', "%s": %s' "$stage" "$(median "$work/$name.$stage")"; done
  fi
  [ "$name" = "${names[-1]}" ] && echo " }" || echo " },"
done
echo "}"

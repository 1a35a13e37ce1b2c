#!/usr/bin/env bash
# What a GPU alone can tell, in some ten minutes at most: tests of operations and stages, compute-sanitizer, ceilings, kernels, stages, pictures.
# benchmarks/gpu.sh FOLDER OUT; in FOLDER are AudioToken.Backends.Tests, AudioToken.Golden.Tests and AudioToken.Cli as
# 'dotnet publish … -c Release -o FOLDER/NAME' wrote them. Reports go to OUT. Ends with 1 where a test failed or the sanitizer found
# something, after all the rest.
set -uo pipefail
folder=$(realpath "${1:?the folder of the published programs}") out=${2:?a folder for reports}
sound=$(dirname "$0")/../src/AudioToken.Cli/Demo/bell.wav
program=$folder/AudioToken.Cli/audiotoken.dll
failed=0
mkdir -p "$out"

# step SECONDS NAME COMMAND...: all that it says goes to OUT/NAME.txt, its last words to the terminal, its exit code to the caller.
step() {
  local limit=$1 name=$2 begin=$SECONDS
  shift 2
  timeout "$limit" "$@" > "$out/$name.txt" 2>&1
  local code=$?
  echo "== $name: exit code $code after $((SECONDS - begin)) s"
  tail -n 6 "$out/$name.txt"
  return $code
}

step 30 doctor dotnet "$program" doctor
for part in Backends Golden; do
  step 120 "tests-$part" dotnet "$folder/AudioToken.$part.Tests/AudioToken.$part.Tests.dll" || failed=1
done

if command -v compute-sanitizer > /dev/null; then
  for tool in memcheck racecheck synccheck; do
    step 40 "$tool" compute-sanitizer --tool "$tool" --error-exitcode 9 \
      dotnet "$program" generate "$sound" --device cuda --steps 2 --quiet --force -o "$out/$tool.png"
    (($? == 9)) && failed=1 # it is slow: what it does not reach in time is no failure
  done
else
  echo "== compute-sanitizer is not here: skipped"
fi

bench() { step "$1" "$2" dotnet "$program" bench "${@:3}" --device cuda; }
bench 30 ceilings ceilings
bench 60 kernels kernels --batch 2 --rows "$out/kernels.json"
bench 60 beside-cublaslt kernels --batch 2 --peer cublaslt # where the library is not there, it says so
for turn in 1 2; do
  bench 60 "stages-$turn" stages --size sd1.4 --repeat 50 --check --rows "$out/stages-$turn.json"
done
bench 40 pictures stages --size sd1.4 --op image --repeat 5 --rows "$out/pictures.json"
exit $failed

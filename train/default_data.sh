#!/usr/bin/env bash
# The data that the built-in model is evaluated on, and that a successor would be trained on: recordings, falls by
# physics, key poses, care, waves and wheelchairs. 4,814 sequences, 7.2 hours; 20 minutes on two cores.
#
#   train/default_data.sh MOTION_FOLDER OUT [WORKERS]
#
# MOTION_FOLDER holds manifest.csv with cmu_bvh/ and cmu_amc/, and uiprmd_markers.npz (docs/formats/datasets.md). Parts
# that are in OUT already are left as they are, and those that were stopped go on; OUT/all is the dataset.
set -euo pipefail
motion="$1" out="$2" workers="${3:-2}"
mkdir -p "$out"
[ -d "$out/mocap" ] || motion-preprocess mocap "$motion" "$out/mocap"
parts=("$out/mocap")

simulate() { # name, clips to keep, seed, kinds ...
    local name="$1" count="$2" seed="$3" kind kinds=()
    shift 3
    for kind in "$@"; do kinds+=(--kinds "$kind"); done
    [ -d "$out/$name" ] || motion-preprocess simulate "$out/$name" --starts "$out/mocap" --workers "$workers" \
        --count "$count" --seed "$seed" "${kinds[@]}"
    parts+=("$out/$name")
}

simulate keyposes 300 1 keyposes
simulate falls 640 2 falls
simulate wave 260 65 wave
simulate wheelchair 115 61 wheelchair
simulate care 125 67 care
simulate more_care 125 69 care
simulate pick_up 79 62 pick_up
simulate reach 57 63 reach
simulate kneel_up 36 64 kneel_up
simulate rise 150 42 floor_up bed_up bed_lie floor_lie
simulate floor 100 66 floor_up floor_lie
simulate floor_lie 120 68 floor_lie
motion-preprocess merge "${parts[@]}" "$out/all"

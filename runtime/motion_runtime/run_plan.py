"""What a run would make, and with what: `motion-run --dry-run` and --verbose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from motion_preprocessing.counted import counted
from motion_runtime.conditioning import KernelShape
from motion_runtime.generator import Generator
from motion_runtime.motion import GenerationRequest


def describe_plan(
    generator: Generator,
    request: GenerationRequest,
    num_samples: int,
    out: Path,
    formats: Sequence[str],
    scene_path: Path | None,
    shape: KernelShape,
) -> dict[str, Any]:
    """Return a run that was checked as plain values; `shape` is the kernel that `Generator.check` names."""
    default, fps = generator.bundle.manifest.default, generator.bundle.manifest.fps
    first = generator.staged(replace(request, sample=0))
    windows = generator.windows_of(request)
    guidance = generator.guidance_of(request)
    # Which way falls go is drawn for each sample.
    read = request.as_made if num_samples == 1 else request.as_read
    return {
        "out": str(out),
        "samples": num_samples,
        "formats": list(formats),
        "people": [
            {
                "class": name,
                "prompt": prompt,
                "read_as": read,
                "parts": [
                    {"from_s": round(start, 2), "prompt": part.text}
                    for start, part in zip(timeline.starts(request.seconds), timeline.parts, strict=True)
                ],
            }
            for name, timeline, prompt, read in zip(
                request.person_classes,
                request.timelines,
                request.prompt_of_each,
                read.prompt_of_each,
                strict=True,
            )
        ],
        "seconds": round(windows[-1].end / fps, 3),
        "frames": windows[-1].end,
        "fps": fps,
        "windows": len(windows),
        "seed": request.seed,
        "bundle": {"name": generator.bundle.manifest.name, "folder": str(generator.bundle.folder)},
        "provider": {
            "name": generator.provider.name,
            "precision": generator.provider.precision,
            "why": generator.provider.reason,
        },
        "kernel": {"people": shape.people, "frames": shape.frames},
        "sampler": request.sampler or default.sampler,
        "steps": request.steps or default.steps,
        "guidance": {"text": guidance.text, "scene": guidance.scene, "interval": list(guidance.interval)},
        "scene": None if scene_path is None else str(scene_path),
        "objects": [] if request.scene is None else [thing.name for thing in request.scene.furniture],
        "start_m": None if first.start_m is None else [round(value, 3) for value in first.start_m],
        "heading_deg": None if first.heading_deg is None else round(first.heading_deg, 1),
        "others": [
            None if start is None else [*(round(value, 3) for value in start.place_m), round(start.heading_deg, 1)]
            for start in first.others
        ],
        "seats": [
            [[*(round(value, 3) for value in use.seat.centre_m), round(use.level_m, 3)] for use in uses]
            for uses in first.uses
        ],
        "places": [
            [[round(p.time_s, 2), round(p.x_m, 3), round(p.y_m, 3)] for p in path.waypoints]
            for path in (first.edits.paths if first.edits is not None else ())
        ],
    }


def plan_lines(plan: dict[str, Any]) -> list[str]:
    """Say the same in words."""
    lines = [f"{counted(plan['samples'], 'motion')} of {plan['seconds']:g} s into {plan['out']}"]
    for number, person in enumerate(plan["people"], 1):
        parts = " | ".join(f"from {part['from_s']:g} s: {part['prompt']}" for part in person["parts"])
        lines.append(f"  person {number}  {person['class']}, {parts}")
        if person["read_as"] != person["prompt"]:
            lines.append(f"  read as   {person['read_as']}")
    if plan["scene"] is None:
        lines.append("  room      none, the first person starts at the origin")
    else:
        there = ", ".join(plan["objects"]) or "nothing"
        lines.append(f"  room      {plan['scene']} with {there}")
    if plan["start_m"] is None:
        start = "chosen on the free floor for every sample"
    else:
        facing = "" if plan["heading_deg"] is None else f", facing {plan['heading_deg']:g} degrees"
        start = f"{plan['start_m'][0]:g},{plan['start_m'][1]:g}{facing}"
    if plan["scene"] is not None or plan["start_m"] is not None:
        lines.append(f"  start     {start}")
    for number, other in enumerate(plan["others"], 2):
        if other is not None:
            lines.append(f"  start     of person {number}: {other[0]:g},{other[1]:g}, facing {other[2]:g} degrees")
    for number, seats in enumerate(plan["seats"], 1):
        lines += [f"  seat      of person {number}: about {x:g},{y:g}, {high:g} m high" for x, y, high in seats]
    for number, places in enumerate(plan["places"], 1):
        if places:
            way = " ".join(f"{t:g}:{x:g},{y:g}" for t, x, y in places)
            lines.append(f"  way       of person {number}: {way}")
    provider, scales = plan["provider"], plan["guidance"]
    low, high = scales["interval"]
    when = "" if (low, high) == (0, 1) else f" in steps {low:.0%} to {high:.0%}"
    lines += [
        f"  model     {plan['bundle']['name']} on {provider['name']} in {provider['precision']} ({provider['why']})",
        f"  sampling  {plan['sampler']}, {plan['steps']} steps, guidance {scales['text']:g}, "
        f"{scales['scene']:g} for the room{when}, {counted(plan['windows'], 'window')} "
        f"of up to {plan['kernel']['frames']} frames, seed {plan['seed']}",
        f"  files     {', '.join(plan['formats'])}",
    ]
    return lines

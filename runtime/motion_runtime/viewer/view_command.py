"""What `motion-view` and `motion-run --view` do: find, build, write or serve, open."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from motion_preprocessing.errors import InputError
from motion_runtime.room_units import label_table, load_room
from motion_runtime.viewer.page import VIEW_FILE, content_policy, view_page, write_view
from motion_runtime.viewer.samples import AUTO, MAX_SAMPLES, Found, find_samples
from motion_runtime.viewer.serve import HOST, make_server, open_browser, open_file
from motion_runtime.warn import warn

if TYPE_CHECKING:
    from motion_preprocessing.scene import Scene


def view(
    path: Path,
    *,
    scene_path: Path | None = None,
    with_scene: bool = True,
    up: str = "auto",
    units: str = "auto",
    labels: str | None = None,
    out: Path | None = None,
    overwrite: bool = False,
    port: int | None = None,
    open_it: bool = True,
    quiet: bool = False,
) -> None:
    """Write or serve the page of the motions at `path`.

    Args:
        path: A motion.npz, a sample's folder or a folder of samples.
        scene_path: Room; None = the one that run.json names.
        with_scene: Show the room.
        up: The room file's axis that points up, or 'auto'.
        units: The room file's unit of length, or 'auto'.
        labels: File of a label table for the room, or 'ignore'; None = the room file's own.
        out: File to write; None = view.html in the folder of the motion.
        overwrite: Replace a file that is no such page.
        port: Serve on this port instead of writing a file; 0 = any.
        open_it: Open the page in the browser where there is a desktop.
        quiet: Say nothing but warnings, and what address is served.

    Raises:
        MotionError: Anything that the caller can mend.
    """
    found = find_samples(path)
    scene = _scene(found, scene_path, up, units, labels) if with_scene else None
    if found.total > len(found.samples):
        warn([f"the page shows the first {MAX_SAMPLES} of {found.total} motions; name a sample's folder for another"])
    if port is not None:
        _serve(view_page(found.samples, scene, title=found.title), port, open_it)
        return
    file = out if out is not None else (path if path.is_dir() else path.parent) / VIEW_FILE
    write_view(file, found.samples, scene, title=found.title, overwrite=overwrite)
    if quiet:
        if open_it:
            open_file(file)
        return
    click.echo(f"wrote {file} ({file.stat().st_size / 1e6:.1f} MB)")
    announce(file, open_it)


def announce(file: Path, open_it: bool) -> None:
    """Open a written page, or say how to."""
    if not (open_it and open_file(file)):
        click.echo(f"to look at it, open {file} in a browser; H there lists the keys")


def _scene(found: Found, scene_path: Path | None, up: str, units: str, labels: str | None) -> Scene | None:
    path = scene_path
    if path is None:
        # The run read its room in one way, which may have been asked for: what is not said here is as it was there.
        path = found.scene_path
        up = found.up if up == AUTO else up
        units = found.units if units == AUTO else units
        labels = found.labels if labels is None else labels
    if path is None:
        if found.lost_scene:
            warn([f"the room {found.lost_scene} is not there any more, an empty floor is shown; name it with --scene"])
        elif (up, units, labels) != (AUTO, AUTO, None):
            raise InputError(
                f"expected a room beside --up, --units or --labels, got none in run.json for {found.title}; "
                "name it with --scene"
            )
        return None
    return load_room(path, up=up, units=units, labels=label_table(labels), ask=True)


def _serve(page: str, port: int, open_it: bool) -> None:
    with make_server(page, content_policy(), port) as server:
        url = f"http://{HOST}:{server.server_address[1]}/"
        click.echo(f"serving {url} to this machine alone; Ctrl-C ends it")
        if open_it:
            open_browser(url)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            click.echo("")  # past the ^C that the terminal shows


"""A page that shows motions in their room, in any browser and without a network: one HTML file (docs/viewer.md).

`motion_runtime.viewer.page.write_view` writes it; `motion-view` and `motion-run --view` are its commands.
"""

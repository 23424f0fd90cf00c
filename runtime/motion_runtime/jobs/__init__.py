"""Thousands of motions from a job file: checked first, resumable, host work beside the network.

    jobs.jsonl --> jobs with a line number each --> checked against files and bundle --> sorted by kernel and room
                                                                                                |
    index.jsonl <-- a folder a job, renamed into place <-- written <-- body fitted <-- denoised, a core a motion

The file's format is `docs/formats/jobs.md`.
"""

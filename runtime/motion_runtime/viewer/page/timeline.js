// The lanes over the scrubber: what each person does, and where bodies are inside things or feet slide.
const ROW_PX = 18;
const MOST_LANES = 6;
const THUMB_PX = 7;

class Timeline {
  constructor(canvas, onSeek) {
    this.canvas = canvas;
    this.bars = [];
    const seek = (event) => {
      const box = canvas.getBoundingClientRect();
      onSeek(clamp((event.clientX - box.left - THUMB_PX) / (box.width - 2 * THUMB_PX), 0, 1));
    };
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      seek(event);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (event.buttons & 1) seek(event);
      const box = canvas.getBoundingClientRect();
      const [x, y] = [event.clientX - box.left, event.clientY - box.top];
      const under = this.bars.find((bar) => x >= bar.x && x <= bar.x + bar.width && y >= bar.y && y <= bar.y + bar.height);
      canvas.title = under ? under.title : "";
    });
  }

  draw(view, seconds) {
    const { canvas } = this;
    const people = view.sample.people.slice(0, MOST_LANES);
    const ratio = Math.min(window.devicePixelRatio || 1, 2), width = canvas.clientWidth;
    const rows = people.map((person) => [...(person.parts.length ? [person.parts] : []), ...eventRows(person.events)]);
    // Where there is little room, what happens at the same time shares one row.
    const tight = rows.reduce((sum, list) => sum + ROW_PX * Math.max(1, list.length) + 5, 0) > 0.23 * window.innerHeight;
    const heights = rows.map((list) => ROW_PX * (tight ? 1 : Math.max(1, list.length)) + 5);
    const height = heights.reduce((sum, one) => sum + one, 0);
    canvas.style.height = `${height}px`;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    const pen = canvas.getContext("2d");
    const style = getComputedStyle(document.documentElement);
    const color = (name) => style.getPropertyValue(name).trim();
    pen.scale(ratio, ratio);
    pen.font = "12px system-ui, sans-serif";
    pen.textBaseline = "middle";
    this.bars = [];
    const at = (time) => THUMB_PX + (clamp(time, 0, seconds) / seconds) * (width - 2 * THUMB_PX);
    let top = 0;
    people.forEach((person, n) => {
      const { fps } = view.sample, lane = heights[n];
      pen.fillStyle = color("--lane");
      pen.beginPath();
      pen.roundRect(at(0), top, at(view.seconds) - at(0), lane - 2, 5);
      pen.fill();
      rows[n].forEach((row, level) => row.forEach((event, k) => {
        const x = at(event.start), end = Math.max(at(event.end), x + 4), share = tight ? rows[n].length : 1;
        const bar = { x, y: top + (level * ROW_PX) / share, width: end - x - 1, height: ROW_PX / share - (share > 1 ? 1 : 0),
          title: `${personName(person)}: ${event.label}, ${event.start.toFixed(1)} to ${event.end.toFixed(1)} s` };
        this.bars.push(bar);
        pen.globalAlpha = row === person.parts ? 0.6 : 0.34;
        pen.fillStyle = cssColor(person.color);
        pen.beginPath();
        pen.roundRect(bar.x, bar.y, bar.width, bar.height, 5);
        pen.fill();
        pen.globalAlpha = 1;
        pen.fillStyle = color("--ink");
        // Words end where the next bar of the row begins, which may lie on this one.
        const room = Math.min(end, row[k + 1] ? at(row[k + 1].start) : end) - x - 1;
        if (bar.height > 13 && pen.measureText(event.label).width + 10 < room) pen.fillText(event.label, bar.x + 6, bar.y + bar.height / 2);
      }));
      pen.fillStyle = color("--alarm");
      const frames = person.feet.length / 2;
      const slid = (f) => person.feet[f * 2] === SKATING || person.feet[f * 2 + 1] === SKATING;
      const hit = (f) => [0, 1, 2].some((k) => person.hits[(f * HIT_KINDS + k) * 4 + 3] > 0);
      for (const [happens, thick] of [[slid, 1.5], [hit, 3]]) {
        for (let f = 0; f < frames; f++) {
          if (!happens(f)) continue;
          const first = f;
          while (f + 1 < frames && happens(f + 1)) f++;
          pen.fillRect(at((first - 0.5) / fps), top + lane - 5, Math.max(2, at((f + 0.5) / fps) - at((first - 0.5) / fps)), thick);
        }
      }
      top += lane;
    });
  }
}

// Events in rows, so that none covers another: three rows at most, what overlaps even then lies on the last.
function eventRows(events) {
  const rows = [[]];
  for (const event of events) {
    let row = rows.find((list) => !list.length || list[list.length - 1].end <= event.start + 1e-6);
    if (!row && rows.length < 3) rows.push((row = []));
    (row || rows[rows.length - 1]).push(event);
  }
  return rows;
}

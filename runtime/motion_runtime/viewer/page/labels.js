// Names and prompts over heads: HTML, placed every frame so that they do not cover each other.
const LABEL_ABOVE_HEAD_M = 0.3;

class Labels {
  constructor(parent, onPick) {
    this.parent = parent;
    this.onPick = onPick;
    this.made = [];
  }

  // Start anew for these views.
  reset(views, size) {
    this.parent.replaceChildren();
    this.made = [];
    for (const view of views) {
      view.actors.forEach((actor, index) => {
        const label = element("div", `label ${size}`);
        const name = element("b", "", personName(actor.person));
        const dot = element("span", "dot");
        dot.style.background = cssColor(actor.person.color);
        name.prepend(dot);
        label.append(name);
        const prompt = element("span", "prompt", actor.person.prompt);
        if (actor.person.prompt) label.append(prompt);
        label.title = actor.person.prompt;
        label.addEventListener("click", () => this.onPick(view, index));
        this.parent.append(label);
        this.made.push({ view, actor, index, label, prompt, width: 0, height: 0 });
      });
    }
    this.measure();
  }

  measure() {
    for (const made of this.made) {
      made.width = made.label.offsetWidth;
      made.height = made.label.offsetHeight;
    }
  }

  // A prompt of several parts shows the part that is asked for now.
  tell(time) {
    let changed = false;
    for (const { actor, prompt } of this.made) {
      const part = actor.person.parts.find(({ end }) => time < end) || actor.person.parts.at(-1);
      if (!part || prompt.textContent === part.label) continue;
      prompt.textContent = part.label;
      changed = true;
    }
    if (changed) this.measure();
  }

  // cameraOf(view) is the camera that draws a view, cellOf(view) its rectangle in CSS pixels.
  place(cameraOf, cellOf, followed) {
    const spot = new THREE.Vector3();
    const shown = [];
    for (const made of this.made) {
      const cell = cellOf(made.view), camera = cameraOf(made.view);
      spot.copy(made.actor.head);
      spot.z += LABEL_ABOVE_HEAD_M;
      spot.project(camera);
      const x = cell.x + (0.5 + 0.5 * spot.x) * cell.width, y = cell.y + (0.5 - 0.5 * spot.y) * cell.height;
      const inside = spot.z < 1 && x > cell.x - 20 && x < cell.x + cell.width + 20 && y > cell.y - 20 && y < cell.y + cell.height + 20;
      made.label.style.visibility = inside ? "visible" : "hidden";
      made.label.classList.toggle("followed", followed === made.index);
      if (!inside) continue;
      const left = clamp(x - made.width / 2, cell.x + 4, Math.max(cell.x + 4, cell.x + cell.width - made.width - 4));
      shown.push({ ...made, depth: spot.z, left, top: y - made.height });
    }
    shown.sort((a, b) => a.depth - b.depth);
    const placed = [];
    for (const one of shown) {
      for (let again = 0; again < 6; again++) {
        const other = placed.find((p) => p.view === one.view && one.left < p.left + p.width + 4 && p.left < one.left + one.width + 4
          && one.top < p.top + p.height + 4 && p.top < one.top + one.height + 4);
        if (!other) break;
        one.top = other.top - one.height - 5;
      }
      one.top = Math.max(one.top, cellOf(one.view).y + 4);
      placed.push(one);
      one.label.style.transform = `translate(${one.left.toFixed(1)}px, ${one.top.toFixed(1)}px)`;
    }
  }
}

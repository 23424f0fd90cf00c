// Buttons, keys and the help that lists them: one table for all three.
const ICONS = {
  play: "M6 4l10 6-10 6z", pause: "M6 4h3v12H6zM11 4h3v12h-3z", back: "M13 5l-6 5 6 5M5 5v10", next: "M7 5l6 5-6 5M15 5v10",
  loop: "M4 9a6 6 0 0110-3l2 2M16 4v4h-4M16 11a6 6 0 01-10 3l-2-2M4 16v-4h4", follow: "M10 3v3M10 14v3M3 10h3M14 10h3M10 7.5a2.5 2.5 0 100 5 2.5 2.5 0 000-5z",
  trail: "M13 4.5a1.5 1.5 0 103 0 1.5 1.5 0 10-3 0M14.500 7v5l-1.500 4M14.500 12l2 4M8.500 5.500v.01M8.500 8.500v3M8.500 14.500v1M4 6.500v.01M4 9.500v1M4 14v.01",
  marks: "M10 3.500l7 12.500H3zM10 8.500v3.500M10 14v.01", room: "M3 8l7-4.500L17 8v8.500H3zM8 16.500V11h4v5.500", names: "M3 5h14v8h-6l-3.500 3.500V13H3zM6 9h8",
  lanes: "M3 5h7M12 5h5M3 10h3M8 10h9M3 15h9M14 15h3", grid: "M3.500 3.500h5.500v5.500H3.500zM11 3.500h5.500v5.500H11zM3.500 11h5.500v5.500H3.500zM11 11h5.500v5.500H11z",
  home: "M4.500 10a5.500 5.500 0 105.500-5.500H5M7.500 2L5 4.500 7.500 7", theme: "M10 3a7 7 0 107 7 5.500 5.500 0 01-7-7z", help: "M7.500 7.500a2.500 2.500 0 115 0c0 1.800-2.500 2-2.500 4M10 15v.01",
  full: "M3 7V3h4M13 3h4v4M17 13v4h-4M7 17H3v-4",
};
const SPEEDS = [0.1, 0.25, 0.5, 1, 1.5, 2, 4];

function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg"), path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  svg.setAttribute("viewBox", "0 0 20 20");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

// actions: {id, keys, words, icon, place, run, on, wide}; `on` tells whether the button is pressed.
class Controls {
  constructor(actions) {
    this.actions = actions;
    this.keys = new Map();
    this.buttons = new Map();
    for (const action of actions) {
      for (const key of action.keys || []) this.keys.set(key, action);
      if (!action.place) continue;
      const button = element("button", action.main ? "icon main" : action.wide ? "icon wide" : "icon");
      button.type = "button";
      button.id = action.id;
      button.title = action.keys ? `${action.words} (${keyName(action.keys[0])})` : action.words;
      button.setAttribute("aria-label", action.words);
      if (action.icon) button.append(icon(action.icon));
      button.addEventListener("click", (event) => {
        action.run(event.shiftKey);
        button.blur(); // or space would press it again instead of playing
      });
      byId(action.place).append(button);
      this.buttons.set(action.id, button);
    }
    document.addEventListener("keydown", (event) => this.press(event));
    this.listKeys();
  }

  press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (byId("help").open && event.key !== "h" && event.key !== "?") return; // the dialog closes itself with Esc
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const action = this.keys.get((event.shiftKey && key.length > 1 ? "Shift+" : "") + key);
    const typing = event.target.tagName === "BUTTON" && (key === " " || key === "Enter");
    if (!action || typing) return;
    event.preventDefault();
    action.run(event.shiftKey, key);
  }

  refresh() {
    for (const action of this.actions) {
      const button = this.buttons.get(action.id);
      if (button && action.on) button.setAttribute("aria-pressed", String(Boolean(action.on())));
    }
  }

  listKeys() {
    // The main one has a line of its own, so that what belongs together stands side by side below it.
    const rank = (action) => (action.main ? 0 : 1);
    for (const action of [...this.actions].sort((a, b) => rank(a) - rank(b))) {
      if (!action.keys) continue;
      const term = element("dt");
      for (const key of action.keys.slice(0, action.keysShown || 1)) term.append(element("kbd", "", keyName(key)));
      byId("keys").append(term, element("dd", action.main ? "main" : "", action.words));
    }
  }
}

function keyName(key) {
  const names = { " ": "Space", ArrowLeft: "\u2190", ArrowRight: "\u2192", ArrowUp: "\u2191", ArrowDown: "\u2193",
    "Shift+ArrowLeft": "Shift \u2190", "Shift+ArrowRight": "Shift \u2192" };
  return names[key] || (key.length === 1 ? key.toUpperCase() : key);
}

// Puts the page together and runs its clock.
const OPTIONS = new URLSearchParams(location.hash.slice(1));

function start(array) {
  for (const sample of payload.samples) {
    for (const person of sample.people) for (const name of ["rotations", "root", "feet", "hits"]) person[name] = array(person[name]);
    for (const chair of sample.wheelchairs) for (const name of ["vertices", "faces", "colors", "way"]) chair[name] = array(chair[name]);
  }
  const quality = OPTIONS.get("quality"); // fast, full, or what the computer can do
  const fast = quality ? quality === "fast" : isSoftware();
  const stage = new Stage(byId("canvas"), payload, readBody(payload.body, array), array, fast);
  const several = stage.views.length > 1;
  const seconds = Math.max(...stage.views.map((view) => view.seconds));
  const end = Math.max(...stage.views.map((view) => view.seconds - 1 / view.sample.fps), 1e-6);
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const chosen = clamp(Number(OPTIONS.get("sample") || 1) - 1, 0, stage.views.length - 1) || 0;
  const state = {
    time: 0, playing: OPTIONS.has("play") ? OPTIONS.get("play") !== "0" : !calm, speed: 1, loop: true, follow: -1, trail: OPTIONS.get("trail") === "1",
    marks: OPTIONS.get("marks") !== "0", room: Boolean(payload.room), names: true, lanes: window.innerHeight > 560, sample: chosen,
    grid: several && OPTIONS.get("grid") !== "0" && !OPTIONS.has("sample"), theme: OPTIONS.get("theme") || "",
  };
  state.time = clamp(Number(OPTIONS.get("t")) || 0, 0, end);
  let dirty = true, before = null, atHome = true;
  const lead = () => stage.views[state.sample];
  const scrub = byId("scrub"), clock = byId("clock");
  scrub.max = String(end);

  const labels = new Labels(byId("labels"), (view, index) => {
    state.sample = stage.views.indexOf(view);
    state.follow = state.follow === index ? -1 : index;
    change();
  });
  const timeline = new Timeline(byId("lanes"), (share) => seek(share * seconds));

  function seek(time) {
    state.time = clamp(time, 0, end);
    dirty = true;
  }

  function cycle(list, value, by) {
    return list[clamp(list.indexOf(value) + by, 0, list.length - 1)];
  }

  const toggle = (name, more) => () => {
    state[name] = !state[name];
    if (more) more();
    change();
  };
  const frame = () => 1 / lead().sample.fps;
  const pick = (index) => {
    if (index >= stage.views.length) return;
    if (state.grid) openCard(window.innerWidth > 720);
    state.grid = false;
    state.sample = index;
    change();
  };
  const speed = (by) => {
    state.speed = cycle(SPEEDS, state.speed, by);
    change();
  };
  const actions = [
    { id: "back", keys: ["ArrowLeft", ","], words: "a frame back", icon: "back", place: "transport", run: () => { state.playing = false; seek(state.time - frame()); change(); } },
    { id: "play", keys: [" ", "k"], words: "play or pause", icon: "play", place: "transport", main: true, run: () => {
      state.playing = !state.playing;
      if (state.playing && state.time >= end - 1e-6) state.time = 0;
      change();
    } },
    { id: "next", keys: ["ArrowRight", "."], words: "a frame on", icon: "next", place: "transport", run: () => { state.playing = false; seek(state.time + frame()); change(); } },
    { id: "second-back", keys: ["Shift+ArrowLeft", "j"], words: "a second back", run: () => seek(state.time - 1) },
    { id: "second-on", keys: ["Shift+ArrowRight", "l"], words: "a second on", run: () => seek(state.time + 1) },
    { id: "first", keys: ["Home"], words: "to the start", run: () => seek(0) },
    { id: "last", keys: ["End"], words: "to the end", run: () => seek(end) },
    { id: "speed", words: "speed", place: "transport", run: (shift) => {
      state.speed = state.speed === 4 && !shift ? SPEEDS[0] : cycle(SPEEDS, state.speed, shift ? -1 : 1);
      change();
    } },
    { id: "faster", keys: ["ArrowUp", "+"], words: "faster", run: () => speed(1) },
    { id: "slower", keys: ["ArrowDown", "-"], words: "slower", run: () => speed(-1) },
    { id: "loop", keys: ["o"], words: "loop", icon: "loop", place: "transport", run: toggle("loop"), on: () => state.loop },
    { id: "follow", keys: ["f"], words: "follow a person; again for the next", icon: "follow", place: "toggles", run: () => {
      state.follow = state.follow + 1 >= lead().actors.length ? -1 : state.follow + 1;
      change();
    }, on: () => state.follow >= 0 },
    { id: "trail", keys: ["t"], words: "trail: earlier poses and the way", icon: "trail", place: "toggles", run: toggle("trail"), on: () => state.trail },
    { id: "marks", keys: ["c"], words: "contacts: feet on the floor, bodies inside things", icon: "marks", place: "toggles", run: toggle("marks"), on: () => state.marks },
    ...(payload.room ? [{ id: "room", keys: ["r"], words: "room", icon: "room", place: "toggles", run: toggle("room"), on: () => state.room }] : []),
    { id: "names", keys: ["n"], words: "names and prompts", icon: "names", place: "toggles", run: toggle("names"), on: () => state.names },
    { id: "events", keys: ["e"], words: "events on the timeline", icon: "lanes", place: "toggles", run: toggle("lanes"), on: () => state.lanes },
    ...(several ? [
      { id: "grid", keys: ["s"], words: "samples side by side", icon: "grid", place: "toggles", run: toggle("grid", () => openCard(!state.grid && window.innerWidth > 720)), on: () => state.grid },
      { id: "sample", keys: ["1", "2", "3", "4", "5", "6", "7", "8", "9"], words: "1 to 9: one sample alone", run: (_shift, key) => pick(Number(key) - 1) },
    ] : []),
    { id: "home", keys: ["v", "0"], words: "the first view again", icon: "home", place: "tools", run: () => {
      state.follow = -1;
      atHome = true;
      change();
      stage.home(state.room, false);
    } },
    { id: "full", keys: ["x"], words: "full screen", icon: "full", place: "tools", wide: true, run: () => {
      if (document.fullscreenElement) document.exitFullscreen();
      else if (document.documentElement.requestFullscreen) document.documentElement.requestFullscreen().catch(() => {});
    } },
    { id: "theme", keys: ["d"], words: "dark or light", icon: "theme", place: "tools", run: () => {
      state.theme = theme() === "dark" ? "light" : "dark";
      change();
    } },
    { id: "help-button", keys: ["h", "?"], words: "this help", icon: "help", place: "tools", run: () => {
      const help = byId("help");
      if (help.open) help.close();
      else {
        help.showModal();
        help.scrollTop = 0; // the focus is on the button at its end
      }
    } },
  ];
  const controls = new Controls(actions);

  const dark = matchMedia("(prefers-color-scheme: dark)");
  const theme = () => (state.theme === "dark" || state.theme === "light" ? state.theme : dark.matches ? "dark" : "light");
  dark.addEventListener("change", () => change());

  byId("title").textContent = payload.title;
  byId("card-toggle").addEventListener("click", () => {
    openCard(byId("card-body").hidden);
    change();
  });
  function openCard(open) {
    byId("card-body").hidden = !open;
    byId("card-toggle").setAttribute("aria-expanded", String(open));
  }

  const tabs = several ? stage.views.map((view, index) => {
    const tab = element("button", "", view.sample.name || `sample ${index + 1}`);
    tab.type = "button";
    tab.addEventListener("click", () => pick(index));
    byId("tabs").append(tab);
    return tab;
  }) : [];
  byId("tabs").hidden = !several;

  function describe() {
    const { sample } = lead();
    byId("people").replaceChildren(...sample.people.map((person) => {
      const item = element("li"), dot = element("span", "dot"), text = element("div");
      dot.style.background = cssColor(person.color);
      text.append(element("b", "", personName(person)), element("p", "", person.prompt));
      item.append(dot, text);
      return item;
    }));
    const facts = [...sample.facts, ["events", sample.events_from]];
    byId("facts").replaceChildren(...facts.flatMap(([name, value]) => [element("dt", "", name), element("dd", "", value)]));
    tabs.forEach((tab, index) => tab.setAttribute("aria-pressed", String(index === state.sample)));
  }

  openCard(window.innerWidth > 720 && !state.grid);
  let layoutKey = "";
  // After anything but the time has changed.
  function change() {
    dirty = true;
    document.documentElement.dataset.theme = theme();
    stage.paint(theme());
    describe();
    controls.refresh();
    byId("play").replaceChildren(icon(state.playing ? "pause" : "play"));
    byId("speed").textContent = `${state.speed}\u00d7`;
    byId("lanes").hidden = !state.lanes;
    if (state.lanes) timeline.draw(lead(), seconds);
    byId("labels").hidden = !state.names;
    const views = state.grid ? stage.views : [lead()];
    const narrow = window.innerWidth <= 720;
    const bar = byId("bar").getBoundingClientRect();
    const card = byId("card").getBoundingClientRect();
    stage.layout(views, { top: state.names || narrow ? 60 : 14, bottom: window.innerHeight - bar.top + 6, header: 68, left: narrow || byId("card-body").hidden ? 0 : card.right });
    const key = [byId("card-body").hidden, state.grid, state.sample, window.innerWidth, window.innerHeight, state.names, bar.top].join();
    if (key === layoutKey) return;
    layoutKey = key;
    const tiny = state.grid && stage.cells.get(views[0]).width < 240;
    labels.reset(views, tiny ? "small tiny" : state.grid || (narrow && lead().actors.length > 2) ? "small" : "");
    byId("cells").replaceChildren(...(state.grid ? views.map(cellFrame) : []));
    if (atHome && state.follow < 0) stage.home(state.room, before === null);
  }

  function cellFrame(view, index) {
    const { x, y, width, height } = stage.cells.get(view);
    const cell = element("div", index === state.sample ? "cell chosen" : "cell");
    Object.assign(cell.style, { left: `${x}px`, top: `${y}px`, width: `${width}px`, height: `${height}px` });
    const button = element("button", "", view.sample.name || `sample ${index + 1}`);
    button.type = "button";
    button.title = "show this sample alone";
    button.addEventListener("click", () => pick(index));
    cell.append(button);
    return cell;
  }

  stage.controls.addEventListener("start", () => { atHome = false; stage.tween = null; });
  stage.controls.addEventListener("change", () => { dirty = true; });
  scrub.addEventListener("input", () => seek(Number(scrub.value)));
  window.addEventListener("resize", change);

  function tick(now) {
    requestAnimationFrame(tick);
    const passed = before === null ? 0 : Math.min(0.1, (now - before) / 1000);
    before = now;
    if (state.playing && !byId("help").open) {
      state.time += passed * state.speed;
      // The last frame stays for as long as any other.
      if (state.time >= end + frame()) {
        state.time = state.loop ? 0 : end;
        if (!state.loop) {
          state.playing = false;
          change();
        }
      }
      dirty = true;
    }
    // Bodies of the leading view first: the camera may follow one of them.
    if (dirty && state.follow >= 0) for (const view of stage.shown) view.update(Math.min(state.time, end), stage.poser, state);
    const moving = stage.step(passed, state, lead());
    if (!dirty && !moving) return;
    dirty = false;
    const shown = Math.min(state.time, end);
    stage.draw(shown, state, lead());
    labels.tell(shown);
    if (state.names) labels.place((view) => stage.seen.get(view), (view) => stage.cells.get(view), state.follow);
    scrub.value = String(shown);
    scrub.style.setProperty("--share", `${(100 * shown) / end}%`);
    clock.replaceChildren(element("b", "", shown.toFixed(2)), ` / ${seconds.toFixed(2)} s`);
    document.body.dataset.time = shown.toFixed(3);
    document.body.dataset.ready = "yes";
  }

  change();
  requestAnimationFrame(tick);
}

unpackArrays().then(start).catch((error) => {
  const trouble = byId("trouble");
  trouble.hidden = false;
  trouble.textContent = `This page needs WebGL 2 and a browser of 2023 or later. (${error.message})`;
  console.error(error);
});

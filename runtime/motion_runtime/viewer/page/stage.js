// The 3D picture: one view a sample, drawn one at a time or side by side with one camera.
const GHOSTS = 5;
const GHOST_EVERY_S = 0.4;
const ELEVATION = (27 * Math.PI) / 180;
const FIELD_DEG = 30;
const THEMES = {
  light: { ground: [0.925, 0.938, 0.958, 1], grid: [0.30, 0.37, 0.48, 0.34], shadow: 0.30, shade: [1, 1, 1], hemi: 2.1, sun: 2.0, alarm: [0.86, 0.14, 0.25], contact: [0.10, 0.66, 0.44] },
  dark: { ground: [0.135, 0.157, 0.195, 1], grid: [0.62, 0.70, 0.84, 0.22], shadow: 0.55, shade: [0.62, 0.635, 0.68], hemi: 1.35, sun: 2.1, alarm: [1.0, 0.30, 0.40], contact: [0.26, 0.86, 0.60] },
};

// One person of a sample: the body, its ghosts, its marks on the floor.
class Actor {
  constructor(person, body, poser, fast) {
    this.person = person;
    this.head = new THREE.Vector3();
    this.pelvis = new THREE.Vector3();
    this.ankle = new THREE.Vector3();
    this.toe = new THREE.Vector3();
    this.group = new THREE.Group();
    this.skeleton = newSkeleton();
    this.surface = bodyMaterial();
    const geometry = dressed(body, person.color, fast);
    const mesh = skinned(geometry, this.surface.material, this.skeleton);
    mesh.receiveShadow = !fast;
    const shadow = skinned(body.coarse, shadowMaterial(), this.skeleton);
    shadow.castShadow = true;
    mesh.renderOrder = ORDER.body;
    const behind = skinned(body.coarse, hullMaterial(person.color, 0.42, true), this.skeleton);
    behind.renderOrder = ORDER.behind;
    this.ghosts = Array.from({ length: GHOSTS }, (_, k) => {
      const skeleton = newSkeleton();
      const ghost = skinned(body.coarse, hullMaterial(person.color, 0.55 * (1 - k / (GHOSTS + 1)), false), skeleton);
      ghost.renderOrder = ORDER.ghost;
      this.group.add(ghost);
      return { skeleton, mesh: ghost };
    });
    this.path = pathMesh(person, person.color);
    this.prints = footprintMesh(person, poser, person.color);
    this.soles = [soleMesh(), soleMesh()];
    this.group.add(behind, mesh, shadow, this.path, this.prints, ...this.soles);
  }

  update(time, fps, poser, state) {
    const last = this.person.root.length / 3 - 1;
    const frame = clamp(time * fps, 0, last);
    this.ghosts.forEach(({ skeleton, mesh }, k) => {
      const then = frame - (k + 1) * GHOST_EVERY_S * fps;
      mesh.visible = state.trail && then > 0;
      if (mesh.visible) this.bend(poser, skeleton, then);
    });
    this.bend(poser, this.skeleton, frame);
    poser.place(HEAD, this.head);
    poser.place(0, this.pelvis);
    const at = Math.round(frame) * HIT_KINDS * 4, { hits } = this.person;
    this.surface.hits.forEach((hit, k) => {
      const depth = state.marks ? hits[at + k * 4 + 3] : 0;
      hit.set(hits[at + k * 4], hits[at + k * 4 + 1], hits[at + k * 4 + 2], depth > 0 ? clamp(0.45 + depth / 0.12, 0, 1) : 0);
    });
    this.path.visible = state.trail;
    this.prints.visible = state.trail;
    this.path.material.uniforms.uNow.value = frame;
    this.prints.material.uniforms.uNow.value = frame;
    this.soles.forEach((sole, side) => {
      const foot = this.person.feet[Math.round(frame) * 2 + side];
      sole.visible = state.marks && foot !== 0;
      sole.material.uniforms.uSlides.value = foot === SKATING ? 1 : 0;
      placeSole(sole, poser.place(7 + side, this.ankle), poser.place(10 + side, this.toe));
    });
  }

  bend(poser, skeleton, frame) {
    poser.pose(this.person, frame, skeleton.boneMatrices);
    skeleton.boneTexture.needsUpdate = true;
  }

  paint(theme) {
    this.surface.alarm.setRGB(...theme.alarm.map(linear));
    for (const { uniforms } of [this.path, this.prints, ...this.soles].map((mesh) => mesh.material)) {
      uniforms.uAlarm.value.set(...theme.alarm);
      uniforms.uContact.value.set(...theme.contact);
    }
  }
}

// A wheelchair, under who is pushed in it.
class Wheelchair {
  constructor(described) {
    this.way = described.way;
    const geometry = new THREE.BufferGeometry();
    geometry.setAttribute("position", new THREE.BufferAttribute(described.vertices, 3));
    geometry.setAttribute("color", new THREE.BufferAttribute(described.colors.map(linear), 3));
    geometry.setIndex(new THREE.BufferAttribute(described.faces, 1));
    geometry.computeVertexNormals();
    this.mesh = new THREE.Mesh(geometry, new THREE.MeshStandardMaterial({ vertexColors: true, roughness: 0.7, metalness: 0 }));
    this.mesh.castShadow = this.mesh.receiveShadow = true;
    this.mesh.renderOrder = ORDER.body;
  }

  update(frame) {
    const last = this.way.length / 3 - 1;
    const first = clamp(Math.floor(frame), 0, last), next = Math.min(first + 1, last), share = clamp(frame - first, 0, 1);
    const [x, y, yaw] = [0, 1, 2].map((k) => this.way[first * 3 + k] + share * (this.way[next * 3 + k] - this.way[first * 3 + k]));
    this.mesh.position.set(x, y, 0);
    this.mesh.rotation.z = yaw;
  }
}

class View {
  constructor(sample, body, poser, fast) {
    this.sample = sample;
    this.seconds = sample.frames / sample.fps;
    this.group = new THREE.Group();
    this.actors = sample.people.map((person) => new Actor(person, body, poser, fast));
    this.rings = hitRings(sample.people.length * HIT_KINDS);
    this.chairs = sample.wheelchairs.map((described) => new Wheelchair(described));
    this.group.add(this.rings, ...this.actors.map((actor) => actor.group), ...this.chairs.map((chair) => chair.mesh));
    this.points = []; // where people are, floor to crown, for framing
    for (const { root } of sample.people) {
      const step = Math.max(1, Math.floor(root.length / 3 / 40)) * 3;
      for (let i = 0; i + 2 < root.length; i += step) this.points.push([root[i], root[i + 1]]);
    }
    const middle = this.points.reduce((sum, [x, y]) => [sum[0] + x / this.points.length, sum[1] + y / this.points.length], [0, 0]);
    this.middle = new THREE.Vector3(middle[0], middle[1], 0.9);
  }

  update(time, poser, state) {
    const shown = Math.min(time, this.seconds - 1 / this.sample.fps);
    for (const chair of this.chairs) chair.update(shown * this.sample.fps);
    const places = this.rings.geometry.getAttribute("position"), strengths = this.rings.geometry.getAttribute("strength");
    this.actors.forEach((actor, n) => {
      actor.update(shown, this.sample.fps, poser, state);
      actor.surface.hits.forEach((hit, k) => {
        places.setXYZ(n * HIT_KINDS + k, hit.x, hit.y, Math.max(hit.z, 0.02));
        strengths.setX(n * HIT_KINDS + k, hit.w);
      });
    });
    places.needsUpdate = strengths.needsUpdate = true;
    this.rings.visible = state.marks;
  }
}

// Whether pictures are computed without a graphics card: then fewer triangles and pixels keep them moving.
function isSoftware() {
  const context = document.createElement("canvas").getContext("webgl2");
  if (!context) return false; // Stage says what is missing
  const info = context.getExtension("WEBGL_debug_renderer_info");
  const name = String(context.getParameter(info ? info.UNMASKED_RENDERER_WEBGL : context.RENDERER));
  const lost = context.getExtension("WEBGL_lose_context");
  if (lost) lost.loseContext();
  return /swiftshader|llvmpipe|softpipe|software|basic render/i.test(name);
}

class Stage {
  constructor(canvas, payload, body, array, fast) {
    this.canvas = canvas;
    this.fast = fast;
    this.room = payload.room;
    this.azimuth = payload.azimuth;
    this.poser = new Poser(body);
    this.renderer = new THREE.WebGLRenderer({ canvas, antialias: !fast, alpha: true, powerPreference: "high-performance" });
    this.renderer.setClearAlpha(0);
    this.renderer.shadowMap.enabled = true;
    this.renderer.shadowMap.type = THREE.PCFShadowMap;
    this.scene = new THREE.Scene();
    this.camera = new THREE.PerspectiveCamera(FIELD_DEG, 1, 0.1, 300);
    this.camera.up.set(0, 0, 1);
    this.controls = new THREE.OrbitControls(this.camera, canvas);
    Object.assign(this.controls, { enableDamping: true, dampingFactor: 0.12, maxPolarAngle: 0.494 * Math.PI, minDistance: 0.8, maxDistance: 80, zoomToCursor: false });
    this.hemi = new THREE.HemisphereLight(0xffffff, 0x8a93a3, 2);
    this.hemi.position.set(0, 0, 1);
    this.sun = new THREE.DirectionalLight(0xfff4e6, 2);
    this.sun.castShadow = true;
    this.sun.shadow.mapSize.setScalar(fast ? 512 : 2048);
    Object.assign(this.sun.shadow, { normalBias: 0.02, bias: -0.0004, radius: fast ? 1.5 : 5 });
    this.ground = buildGround();
    this.scene.add(this.hemi, this.sun, this.sun.target, this.ground.group);
    if (this.room) {
      this.cloud = buildRoom(this.room, array);
      this.scene.add(this.cloud.group);
    }
    this.views = payload.samples.map((sample) => new View(sample, body, this.poser, fast));
    for (const view of this.views) this.scene.add(view.group);
    this.tween = null;
    this.anchors = new Map();
    this.seen = new Map(); // view -> camera that last drew it
  }

  paint(name) {
    const theme = THEMES[name];
    this.ground.disc.uniforms.uColor.value.set(...theme.ground);
    this.ground.grid.uniforms.uColor.value.set(...theme.grid);
    this.ground.shadow.opacity = theme.shadow;
    this.hemi.intensity = theme.hemi;
    this.sun.intensity = theme.sun;
    if (this.cloud) for (const { uniforms } of this.cloud.materials) uniforms.uShade.value.set(...theme.shade, 1);
    for (const view of this.views) {
      view.rings.material.uniforms.uAlarm.value.set(...theme.alarm);
      for (const actor of view.actors) actor.paint(theme);
    }
  }

  // Rectangles of the shown views in CSS pixels; `inset` is what panels cover.
  layout(views, inset) {
    const width = this.canvas.clientWidth, height = this.canvas.clientHeight;
    const ratio = this.fast ? 1 : Math.min(window.devicePixelRatio || 1, 2);
    if (this.renderer.getPixelRatio() !== ratio) this.renderer.setPixelRatio(ratio);
    const size = this.renderer.getSize(new THREE.Vector2());
    if (size.x !== width || size.y !== height) this.renderer.setSize(width, height, false);
    this.shown = views;
    this.cells = new Map();
    if (views.length === 1) {
      this.cells.set(views[0], { x: 0, y: 0, width, height });
      this.inset = inset;
      return;
    }
    const gap = 8, across = width - gap, usable = height - inset.bottom - inset.header;
    let columns = 1, best = 0;
    for (let n = 1; n <= views.length; n++) {
      const w = across / n, h = usable / Math.ceil(views.length / n);
      const fit = Math.min(w, 1.35 * h);
      if (fit > best + 1) [best, columns] = [fit, n];
    }
    const rows = Math.ceil(views.length / columns);
    views.forEach((view, k) => this.cells.set(view, {
      x: gap + ((k % columns) * across) / columns, y: inset.header + (Math.floor(k / columns) * usable) / rows,
      width: across / columns - gap, height: usable / rows - gap,
    }));
    this.inset = { top: 30, bottom: 0, left: 0 };
  }

  // What the camera should see: everybody on the whole way, and the room around them.
  framed(views, withRoom, portrait) {
    const points = [];
    let low = [Infinity, Infinity], high = [-Infinity, -Infinity];
    for (const view of views) {
      const shift = withRoom ? [0, 0] : [views[0].middle.x - view.middle.x, views[0].middle.y - view.middle.y];
      for (const [px, py] of view.points) {
        const x = px + shift[0], y = py + shift[1];
        for (const [dx, dy] of [[0.5, 0], [-0.5, 0], [0, 0.5], [0, -0.5]]) points.push([x + dx, y + dy, 0], [x + 0.6 * dx, y + 0.6 * dy, 1.85]);
        low = [Math.min(low[0], x), Math.min(low[1], y)];
        high = [Math.max(high[0], x), Math.max(high[1], y)];
      }
    }
    if (withRoom) {
      const around = portrait ? 0.6 : 2.6;
      const xs = [Math.max(this.room.low[0], low[0] - around), Math.min(this.room.high[0], high[0] + around)];
      const ys = [Math.max(this.room.low[1], low[1] - around), Math.min(this.room.high[1], high[1] + around)];
      for (const x of xs) for (const y of ys) points.push([x, y, 0], [x, y, Math.min(2, this.room.high[2])]);
    }
    return points.map((point) => new THREE.Vector3(...point));
  }

  // Stand where all of that fills the picture, between the panels.
  home(withRoom, instant) {
    const cell = this.cells.get(this.shown[0]);
    const aspect = cell.width / cell.height;
    const points = this.framed(this.shown, withRoom, aspect < 0.8);
    const eye = new THREE.Vector3(Math.cos(ELEVATION) * Math.cos(this.azimuth), Math.cos(ELEVATION) * Math.sin(this.azimuth), Math.sin(ELEVATION));
    const right = new THREE.Vector3(-Math.sin(this.azimuth), Math.cos(this.azimuth), 0), up = new THREE.Vector3().crossVectors(eye, right);
    const tanY = Math.tan((FIELD_DEG * Math.PI) / 360), tanX = tanY * aspect;
    const share = 1 - (this.inset.top + this.inset.bottom) / cell.height, wide = 1 - this.inset.left / cell.width;
    const target = new THREE.Vector3().addVectors(...this.box(points)).multiplyScalar(0.5);
    let distance = 12;
    const point = new THREE.Vector3();
    for (let again = 0; again < 16; again++) {
      let [l, r, b, t, near] = [Infinity, -Infinity, Infinity, -Infinity, Infinity];
      for (const p of points) {
        point.subVectors(p, target);
        const depth = Math.max(0.2, distance - point.dot(eye)), x = point.dot(right) / depth / tanX, y = point.dot(up) / depth / tanY;
        [l, r, b, t, near] = [Math.min(l, x), Math.max(r, x), Math.min(b, y), Math.max(t, y), Math.min(near, depth)];
      }
      target.addScaledVector(right, 0.5 * (l + r) * tanX * distance).addScaledVector(up, 0.5 * (b + t) * tanY * distance);
      const scale = Math.max((r - l) / 2 / (0.95 * wide), (t - b) / 2 / (0.92 * share));
      distance = Math.max(1.5, distance - near + near * scale);
    }
    this.moveTo(target.clone().addScaledVector(eye, distance), target, instant);
  }

  box(points) {
    const low = points[0].clone(), high = points[0].clone();
    for (const p of points) { low.min(p); high.max(p); }
    return [low, high];
  }

  moveTo(position, target, instant) {
    if (instant || matchMedia("(prefers-reduced-motion: reduce)").matches) {
      this.camera.position.copy(position);
      this.controls.target.copy(target);
      this.controls.update();
      this.tween = null;
    } else {
      this.tween = { share: 0, from: this.camera.position.clone(), to: position, fromTarget: this.controls.target.clone(), toTarget: target };
    }
  }

  // Where a view's camera hangs on: the followed person, else the room, else the middle of the way.
  anchorOf(view, state) {
    if (state.follow >= 0 && view.actors.length) {
      const { pelvis } = view.actors[Math.min(state.follow, view.actors.length - 1)];
      return new THREE.Vector3(pelvis.x, pelvis.y, 0.85);
    }
    return state.room && this.room ? new THREE.Vector3() : view.middle.clone();
  }

  // Move the camera with the followed person; true while anything still moves.
  step(seconds, state, lead) {
    const anchor = this.anchorOf(lead, state);
    if (state.follow >= 0) {
      if (this.followed !== state.follow) {
        const back = this.camera.position.clone().sub(this.controls.target);
        back.setLength(Math.min(back.length(), 7.5));
        this.moveTo(anchor.clone().add(back), anchor, false);
      } else {
        const move = anchor.clone().sub(this.anchors.get(lead) || this.controls.target);
        for (const vector of [this.camera.position, this.controls.target]) vector.add(move);
        if (this.tween) for (const name of ["from", "to", "fromTarget", "toTarget"]) this.tween[name].add(move);
      }
    }
    this.followed = state.follow;
    this.anchors.set(lead, anchor);
    let moving = false;
    if (this.tween) {
      const { tween } = this;
      tween.share = Math.min(1, tween.share + seconds / 0.45);
      const eased = 1 - Math.pow(1 - tween.share, 3);
      this.camera.position.lerpVectors(tween.from, tween.to, eased);
      this.controls.target.lerpVectors(tween.fromTarget, tween.toTarget, eased);
      if (tween.share >= 1) this.tween = null;
      moving = true;
    }
    return this.controls.update() || moving;
  }

  light(view) {
    let low = [Infinity, Infinity], high = [-Infinity, -Infinity];
    for (const { pelvis } of view.actors) {
      low = [Math.min(low[0], pelvis.x), Math.min(low[1], pelvis.y)];
      high = [Math.max(high[0], pelvis.x), Math.max(high[1], pelvis.y)];
    }
    // Coarse steps, so that the edges of shadows do not crawl while somebody walks.
    const x = Math.round((low[0] + high[0]) / 2), y = Math.round((low[1] + high[1]) / 2);
    const reach = Math.ceil(Math.max(high[0] - low[0], high[1] - low[1]) / 2 + 2.2);
    const side = this.azimuth + 1.0;
    this.sun.target.position.set(x, y, 0.5);
    this.sun.position.set(x + 3.2 * Math.cos(side), y + 3.2 * Math.sin(side), 8.5);
    const { camera } = this.sun.shadow;
    if (camera.right !== reach) {
      Object.assign(camera, { left: -reach, right: reach, top: reach, bottom: -reach, near: 2, far: 16 });
      camera.updateProjectionMatrix();
    }
  }

  draw(time, state, lead) {
    const { renderer, camera } = this;
    const height = this.canvas.clientHeight;
    const base = camera.position.clone(), leadAnchor = this.anchors.get(lead);
    const centre = this.controls.target;
    if (this.cloud) this.cloud.group.visible = state.room;
    renderer.setScissorTest(true);
    for (const view of this.views) view.group.visible = false;
    for (const view of this.shown) {
      const cell = this.cells.get(view);
      view.group.visible = true;
      view.update(time, this.poser, state);
      this.light(view);
      const shift = this.anchorOf(view, state).sub(leadAnchor);
      camera.position.copy(base).add(shift);
      camera.aspect = cell.width / cell.height;
      const lift = 0.5 * (this.inset.bottom - this.inset.top);
      camera.setViewOffset(cell.width, cell.height, -0.5 * this.inset.left, lift, cell.width, cell.height);
      camera.updateMatrixWorld();
      const reach = Math.max(9, 1.6 * camera.position.distanceTo(centre.clone().add(shift)));
      for (const { uniforms } of [this.ground.disc, this.ground.grid]) {
        uniforms.uCentre.value.set(centre.x + shift.x, centre.y + shift.y);
        uniforms.uReach.value = reach;
      }
      if (this.cloud) {
        const pixels = (cell.height * renderer.getPixelRatio()) / (2 * Math.tan((FIELD_DEG * Math.PI) / 360));
        for (const { uniforms } of this.cloud.materials) uniforms.uPixels.value = pixels;
      }
      view.rings.material.uniforms.uRatio.value = renderer.getPixelRatio();
      const bottom = height - cell.y - cell.height;
      renderer.setViewport(cell.x, bottom, cell.width, cell.height);
      renderer.setScissor(cell.x, bottom, cell.width, cell.height);
      renderer.render(this.scene, camera);
      this.seen.set(view, camera.clone());
      view.group.visible = false;
    }
    camera.position.copy(base);
    camera.updateMatrixWorld();
  }
}

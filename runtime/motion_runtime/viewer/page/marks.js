// On the floor: the way of each person, footprints where feet stood, red where they slid; rings where bodies are inside things.
const SKATING = 2;
const PATH_WIDTH_M = 0.045;

function pathMesh(person, color) {
  const { root } = person, frames = root.length / 3;
  const places = new Float32Array(frames * 6), times = new Float32Array(frames * 2), index = [];
  for (let f = 0; f < frames; f++) {
    const a = Math.max(0, f - 1) * 3, b = Math.min(frames - 1, f + 1) * 3;
    let dx = root[b] - root[a], dy = root[b + 1] - root[a + 1];
    const length = Math.hypot(dx, dy);
    dx = length > 1e-6 ? dx / length : 0;
    dy = length > 1e-6 ? dy / length : 0;
    for (const side of [0, 1]) {
      const shift = (side ? 0.5 : -0.5) * PATH_WIDTH_M;
      places.set([root[f * 3] - shift * dy, root[f * 3 + 1] + shift * dx, 0.004], (f * 2 + side) * 3);
      times[f * 2 + side] = f;
    }
    if (f) index.push(f * 2 - 2, f * 2 - 1, f * 2, f * 2, f * 2 - 1, f * 2 + 1);
  }
  const geometry = new THREE.BufferGeometry();
  geometry.setAttribute("position", new THREE.BufferAttribute(places, 3));
  geometry.setAttribute("time", new THREE.BufferAttribute(times, 1));
  geometry.setIndex(index);
  return floorMesh(geometry, color, `
    varying float vTime;
    uniform float uNow;
    uniform vec3 uColor;
    void main() {
      float age = uNow - vTime;
      float alpha = age >= 0.0 ? mix(0.85, 0.30, clamp(age / 60.0, 0.0, 1.0)) : 0.16;
      gl_FragColor = vec4(uColor, alpha);
    }`, "attribute float time; varying float vTime; void main() { vTime = time; gl_Position = projectionMatrix * modelViewMatrix * vec4(position, 1.0); }");
}

function floorMesh(geometry, color, fragmentShader, vertexShader) {
  const uniforms = { uNow: { value: 0 }, uColor: { value: new THREE.Vector3(...color) }, uAlarm: { value: new THREE.Vector3() },
    uContact: { value: new THREE.Vector3() }, uSlides: { value: 0 } };
  const mesh = new THREE.Mesh(geometry, new THREE.ShaderMaterial({ uniforms, vertexShader, fragmentShader, depthWrite: false, side: THREE.DoubleSide, ...OVER }));
  mesh.renderOrder = ORDER.path;
  mesh.frustumCulled = false;
  return mesh;
}

const FOOT_M = [0.135, 0.052];

// One oval a time that a foot is down (or slides), with its first frame.
function footprintMesh(person, poser, color) {
  const { feet } = person, frames = feet.length / 2;
  const found = [];
  const matrices = new Float32Array(JOINTS * 16), ankle = new THREE.Vector3(), toe = new THREE.Vector3();
  const open = [null, null];
  for (let f = 0; f <= frames; f++) {
    if (f < frames) poser.pose(person, f, matrices);
    for (const side of [0, 1]) {
      const state = f < frames ? feet[f * 2 + side] : 0;
      if (open[side] && open[side].state !== state) {
        found.push(open[side]);
        open[side] = null;
      }
      if (!state) continue;
      poser.place(7 + side, ankle);
      poser.place(10 + side, toe);
      const step = open[side] || (open[side] = { state, start: f, x: 0, y: 0, dx: 0, dy: 0, count: 0 });
      step.x += 0.45 * ankle.x + 0.55 * toe.x;
      step.y += 0.45 * ankle.y + 0.55 * toe.y;
      step.dx += toe.x - ankle.x;
      step.dy += toe.y - ankle.y;
      step.count += 1;
    }
  }
  const places = [], starts = [], states = [], rims = [], index = [];
  for (const step of found) {
    const angle = Math.atan2(step.dy, step.dx), cos = Math.cos(angle), sin = Math.sin(angle);
    const base = places.length / 3;
    for (let k = 0; k <= 20; k++) {
      const turn = (2 * Math.PI * k) / 20, rim = k < 20 ? 1 : 0;
      const u = rim * FOOT_M[0] * Math.cos(turn), v = rim * FOOT_M[1] * Math.sin(turn);
      places.push(step.x / step.count + u * cos - v * sin, step.y / step.count + u * sin + v * cos, 0.006);
      starts.push(step.start);
      states.push(step.state);
      rims.push(rim);
      if (rim) index.push(base + 20, base + k, base + ((k + 1) % 20));
    }
  }
  const geometry = new THREE.BufferGeometry();
  geometry.setAttribute("position", new THREE.BufferAttribute(new Float32Array(places), 3));
  geometry.setAttribute("start", new THREE.BufferAttribute(new Float32Array(starts), 1));
  geometry.setAttribute("state", new THREE.BufferAttribute(new Float32Array(states), 1));
  geometry.setAttribute("rim", new THREE.BufferAttribute(new Float32Array(rims), 1));
  geometry.setIndex(index);
  const mesh = floorMesh(geometry, color, `
    varying float vStart;
    varying float vState;
    varying float vRim;
    uniform float uNow;
    uniform vec3 uColor;
    uniform vec3 uAlarm;
    void main() {
      if (uNow < vStart) discard;
      bool slid = vState > 1.5;
      gl_FragColor = vec4(slid ? uAlarm : uColor, (slid ? 0.5 : 0.3) * (0.6 + 0.4 * smoothstep(0.0, 0.8, vRim)));
    }`, `
    attribute float start; attribute float state; attribute float rim;
    varying float vStart; varying float vState; varying float vRim;
    void main() {
      vStart = start; vState = state; vRim = rim;
      gl_Position = projectionMatrix * modelViewMatrix * vec4(position, 1.0);
    }`);
  mesh.renderOrder = ORDER.path + 1;
  return mesh;
}

// An oval under a foot that is down now.
function soleMesh() {
  const geometry = new THREE.CircleGeometry(1, 28);
  geometry.scale(FOOT_M[0] * 1.12, FOOT_M[1] * 1.2, 1);
  const mesh = floorMesh(geometry, [0, 0, 0], `
    varying vec2 vPlace;
    uniform float uSlides;
    uniform vec3 uAlarm;
    uniform vec3 uContact;
    void main() {
      gl_FragColor = vec4(mix(uContact, uAlarm, uSlides), mix(0.55, 0.95, smoothstep(0.5, 0.9, length(2.0 * vPlace - 1.0))));
    }`, `
    varying vec2 vPlace;
    void main() {
      vPlace = uv;
      gl_Position = projectionMatrix * modelViewMatrix * vec4(position, 1.0);
    }`);
  mesh.renderOrder = ORDER.path + 1;
  return mesh;
}

function placeSole(mesh, ankle, toe) {
  mesh.position.set(0.45 * ankle.x + 0.55 * toe.x, 0.45 * ankle.y + 0.55 * toe.y, 0.007);
  mesh.rotation.z = Math.atan2(toe.y - ankle.y, toe.x - ankle.x);
}

// Rings on top of everything where a body is inside something.
function hitRings(count) {
  const geometry = new THREE.BufferGeometry();
  geometry.setAttribute("position", new THREE.BufferAttribute(new Float32Array(count * 3), 3).setUsage(THREE.DynamicDrawUsage));
  geometry.setAttribute("strength", new THREE.BufferAttribute(new Float32Array(count), 1).setUsage(THREE.DynamicDrawUsage));
  const material = new THREE.ShaderMaterial({
    uniforms: { uAlarm: { value: new THREE.Vector3() }, uRatio: { value: 1 } },
    vertexShader: `
      attribute float strength;
      uniform float uRatio;
      varying float vStrength;
      void main() {
        vStrength = strength;
        gl_Position = projectionMatrix * modelViewMatrix * vec4(position, 1.0);
        gl_PointSize = strength > 0.0 ? uRatio * (16.0 + 12.0 * strength) : 0.0;
        if (strength <= 0.0) gl_Position = vec4(2.0, 2.0, 2.0, 1.0);
      }`,
    fragmentShader: `
      uniform vec3 uAlarm;
      varying float vStrength;
      void main() {
        float r = length(2.0 * gl_PointCoord - 1.0);
        float ring = smoothstep(0.62, 0.72, r) * (1.0 - smoothstep(0.88, 1.0, r));
        float dot2 = 1.0 - smoothstep(0.18, 0.28, r);
        float alpha = max(ring, dot2);
        if (alpha < 0.02) discard;
        gl_FragColor = vec4(uAlarm, 0.9 * alpha);
      }`,
    transparent: true,
    depthTest: false,
    depthWrite: false,
  });
  const points = new THREE.Points(geometry, material);
  points.renderOrder = ORDER.mark;
  points.frustumCulled = false;
  return points;
}

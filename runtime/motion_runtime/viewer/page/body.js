// Bodies: poses between frames, and one mesh that the graphics card bends with 22 joints.
const JOINTS = 22;
const HEAD = 15;

// Bone matrices (22 x 16, column by column) of a person at a fractional frame: neighbouring quaternions are blended.
class Poser {
  constructor(body) {
    this.parents = body.parents;
    this.rest = body.rest;
    this.turns = new Float64Array(JOINTS * 4);
    this.places = new Float64Array(JOINTS * 3);
  }

  pose(person, frame, matrices) {
    const { rotations, root } = person;
    const { turns, places, rest, parents } = this;
    const last = root.length / 3 - 1;
    const first = clamp(Math.floor(frame), 0, last), next = Math.min(first + 1, last);
    const share = clamp(frame - first, 0, 1);
    for (let j = 0; j < JOINTS; j++) {
      const a = (first * JOINTS + j) * 4, b = (next * JOINTS + j) * 4;
      let w = rotations[a] + share * (rotations[b] - rotations[a]), x = rotations[a + 1] + share * (rotations[b + 1] - rotations[a + 1]);
      let y = rotations[a + 2] + share * (rotations[b + 2] - rotations[a + 2]), z = rotations[a + 3] + share * (rotations[b + 3] - rotations[a + 3]);
      const norm = 1 / (Math.hypot(w, x, y, z) || 1);
      w *= norm; x *= norm; y *= norm; z *= norm;
      const p = parents[j];
      if (p < 0) {
        for (let k = 0; k < 3; k++) places[k] = root[first * 3 + k] + share * (root[next * 3 + k] - root[first * 3 + k]);
      } else {
        const W = turns[p * 4], X = turns[p * 4 + 1], Y = turns[p * 4 + 2], Z = turns[p * 4 + 3];
        const u = rest[j * 3] - rest[p * 3], v = rest[j * 3 + 1] - rest[p * 3 + 1], n = rest[j * 3 + 2] - rest[p * 3 + 2];
        const cx = 2 * (Y * n - Z * v), cy = 2 * (Z * u - X * n), cz = 2 * (X * v - Y * u);
        places[j * 3] = places[p * 3] + u + W * cx + Y * cz - Z * cy;
        places[j * 3 + 1] = places[p * 3 + 1] + v + W * cy + Z * cx - X * cz;
        places[j * 3 + 2] = places[p * 3 + 2] + n + W * cz + X * cy - Y * cx;
        const ow = w, ox = x, oy = y, oz = z;
        w = W * ow - X * ox - Y * oy - Z * oz;
        x = W * ox + X * ow + Y * oz - Z * oy;
        y = W * oy - X * oz + Y * ow + Z * ox;
        z = W * oz + X * oy - Y * ox + Z * ow;
      }
      turns.set([w, x, y, z], j * 4);
      const m = j * 16;
      const r = [1 - 2 * (y * y + z * z), 2 * (x * y + w * z), 2 * (x * z - w * y), 2 * (x * y - w * z), 1 - 2 * (x * x + z * z),
        2 * (y * z + w * x), 2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)];
      const rx = rest[j * 3], ry = rest[j * 3 + 1], rz = rest[j * 3 + 2];
      for (let k = 0; k < 3; k++) {
        matrices[m + k] = r[k]; matrices[m + 4 + k] = r[3 + k]; matrices[m + 8 + k] = r[6 + k];
        matrices[m + 12 + k] = places[j * 3 + k] - (r[k] * rx + r[3 + k] * ry + r[6 + k] * rz);
      }
      matrices[m + 3] = matrices[m + 7] = matrices[m + 11] = 0;
      matrices[m + 15] = 1;
    }
  }

  // Where a joint of the last pose is.
  place(joint, target) {
    return target.set(this.places[joint * 3], this.places[joint * 3 + 1], this.places[joint * 3 + 2]);
  }
}

function readBody(described, array) {
  const vertices = array(described.vertices), weights = array(described.weights);
  const places = Float32Array.from(vertices, (step) => step * described.unit);
  const parts = new Float32Array(weights.length);
  for (let i = 0; i < weights.length; i += 4) {
    // Eighths of a bit that rounding left over would be metres times so much, far from the origin.
    const sum = weights[i] + weights[i + 1] + weights[i + 2] + weights[i + 3];
    for (let k = 0; k < 4; k++) parts[i + k] = weights[i + k] / sum;
  }
  const geometry = new THREE.BufferGeometry();
  geometry.setAttribute("position", new THREE.BufferAttribute(places, 3));
  geometry.setAttribute("skinIndex", new THREE.BufferAttribute(array(described.joints), 4));
  geometry.setAttribute("skinWeight", new THREE.BufferAttribute(parts, 4));
  geometry.setIndex(new THREE.BufferAttribute(array(described.faces), 1));
  geometry.computeVertexNormals();
  const coarse = new THREE.BufferGeometry();
  for (const name of ["position", "normal", "skinIndex", "skinWeight"]) coarse.setAttribute(name, geometry.getAttribute(name));
  coarse.setIndex(new THREE.BufferAttribute(array(described.coarse), 1));
  return { geometry, coarse, colors: array(described.colors), cloth: array(described.cloth), rest: array(described.rest), parents: described.parents };
}

// The body in somebody's clothes: shirt in the colour of the class, trousers a darker shade.
function dressed(body, color, fast) {
  const geometry = new THREE.BufferGeometry();
  for (const name of ["position", "normal", "skinIndex", "skinWeight"]) geometry.setAttribute(name, body.geometry.getAttribute(name));
  geometry.setIndex((fast ? body.coarse : body.geometry).index);
  const shades = [null, color, color.map((channel) => 0.5 * channel + 0.035)];
  const colors = new Float32Array(body.colors.length);
  for (let i = 0; i < body.cloth.length; i++) {
    const shade = shades[body.cloth[i]];
    for (let k = 0; k < 3; k++) colors[i * 3 + k] = linear(shade ? shade[k] : body.colors[i * 3 + k] / 255);
  }
  geometry.setAttribute("color", new THREE.BufferAttribute(colors, 3));
  return geometry;
}

function newSkeleton() {
  const bones = Array.from({ length: JOINTS }, () => new THREE.Bone());
  const skeleton = new THREE.Skeleton(bones, bones.map(() => new THREE.Matrix4()));
  skeleton.computeBoneTexture();
  skeleton.update = () => {}; // the matrices are written by Poser, not gathered from a tree of bones
  return skeleton;
}

function skinned(geometry, material, skeleton) {
  const mesh = new THREE.SkinnedMesh(geometry, material);
  mesh.bind(skeleton, new THREE.Matrix4());
  mesh.frustumCulled = false; // its box is that of the rest pose
  return mesh;
}

const HIT_KINDS = 3; // in the room's things, in another person, in the floor

function bodyMaterial() {
  const material = new THREE.MeshStandardMaterial({ vertexColors: true, roughness: 0.82, metalness: 0 });
  const hits = { value: Array.from({ length: HIT_KINDS }, () => new THREE.Vector4()) };
  const alarm = { value: new THREE.Color() };
  material.onBeforeCompile = (shader) => {
    shader.uniforms.uHits = hits;
    shader.uniforms.uAlarm = alarm;
    shader.vertexShader = shader.vertexShader
      .replace("#include <common>", "#include <common>\nvarying vec3 vPlace;")
      .replace("#include <skinning_vertex>", "#include <skinning_vertex>\nvPlace = (modelMatrix * vec4(transformed, 1.0)).xyz;");
    shader.fragmentShader = shader.fragmentShader
      .replace("#include <common>", `#include <common>\nvarying vec3 vPlace;\nuniform vec4 uHits[${HIT_KINDS}];\nuniform vec3 uAlarm;`)
      .replace("#include <emissivemap_fragment>", `#include <emissivemap_fragment>
        float alarm = 0.0;
        for (int i = 0; i < ${HIT_KINDS}; i++) alarm = max(alarm, uHits[i].w * (1.0 - smoothstep(0.05, 0.22, distance(vPlace, uHits[i].xyz))));
        diffuseColor.rgb = mix(diffuseColor.rgb, uAlarm, alarm);
        totalEmissiveRadiance += 0.35 * alarm * uAlarm;`);
  };
  return { material, hits: hits.value, alarm: alarm.value };
}

// Seen by the light alone.
function shadowMaterial() {
  return new THREE.MeshBasicMaterial({ colorWrite: false, depthWrite: false });
}

// A hull that is clear in the middle and shows at its rim: earlier poses, and bodies behind things.
function hullMaterial(color, strength, behind) {
  return new THREE.ShaderMaterial({
    uniforms: { uColor: { value: new THREE.Vector3(...color) }, uStrength: { value: strength } },
    vertexShader: `
      #include <common>
      #include <skinning_pars_vertex>
      varying vec3 vNormal2;
      varying vec3 vEye;
      void main() {
        #include <beginnormal_vertex>
        #include <skinbase_vertex>
        #include <skinnormal_vertex>
        #include <begin_vertex>
        #include <skinning_vertex>
        vec4 seen = modelViewMatrix * vec4(transformed, 1.0);
        vNormal2 = normalMatrix * objectNormal;
        vEye = -seen.xyz;
        gl_Position = projectionMatrix * seen;
      }`,
    fragmentShader: `
      uniform vec3 uColor;
      uniform float uStrength;
      varying vec3 vNormal2;
      varying vec3 vEye;
      void main() {
        float rim = 1.0 - abs(dot(normalize(vNormal2), normalize(vEye)));
        gl_FragColor = vec4(uColor, uStrength * (0.22 + 0.78 * rim * rim));
      }`,
    transparent: !behind,
    depthWrite: !behind,
    ...(behind ? { depthFunc: THREE.GreaterDepth, ...OVER } : {}),
  });
}

// Blends like a transparent material, yet is drawn among the opaque ones, in the order of renderOrder.
const OVER = {
  transparent: false, blending: THREE.CustomBlending, blendSrc: THREE.SrcAlphaFactor, blendDst: THREE.OneMinusSrcAlphaFactor,
  blendSrcAlpha: THREE.OneFactor, blendDstAlpha: THREE.OneMinusSrcAlphaFactor,
};
// What is drawn first, below everything else, and so on.
const ORDER = { ground: -6, floorPoints: -5, grid: -4, shadow: -3, path: -2, room: 0, behind: 1, body: 2, ghost: 3, mark: 4 };

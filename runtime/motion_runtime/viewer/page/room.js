// The room: triangles, or points as small discs. Walls that the camera sees from outside are left out, so that nobody is hidden.
const OBJECT_KIND = 0, FLOOR_KIND = 2;

function pointsMaterial(extra) {
  return new THREE.ShaderMaterial({
    uniforms: { uPixels: { value: 1 }, uShade: { value: new THREE.Vector4(1, 1, 1, 1) }, uGrow: { value: 2.1 } },
    vertexShader: `
      attribute vec3 tint;
      attribute float size;
      attribute vec2 inward;
      uniform float uPixels;
      uniform float uGrow;
      varying vec3 vTint;
      varying vec2 vDepth; // distance and radius, metres
      void main() {
        vec4 seen = modelViewMatrix * vec4(position, 1.0);
        vTint = tint;
        vDepth = vec2(-seen.z, 0.5 * uGrow * size);
        gl_Position = projectionMatrix * seen;
        gl_PointSize = clamp(uGrow * size * uPixels / -seen.z, 1.5, 64.0);
        bool outside = dot(inward, inward) > 0.25 && dot(cameraPosition.xy - position.xy, inward) < 0.1;
        if (outside) gl_Position = vec4(2.0, 2.0, 2.0, 1.0);
      }`,
    fragmentShader: `
      uniform vec4 uShade;
      uniform mat4 projectionMatrix;
      varying vec3 vTint;
      varying vec2 vDepth;
      void main() {
        vec2 off = 2.0 * gl_PointCoord - 1.0;
        float r2 = dot(off, off);
        if (r2 > 1.0) discard;
        // A bowl instead of a disc: where points overlap each owns what is nearest to it, and surfaces close without frills.
        float z = -(vDepth.x + vDepth.y * r2);
        gl_FragDepth = 0.5 + 0.5 * (projectionMatrix[2].z * z + projectionMatrix[3].z) / -z;
        gl_FragColor = vec4(vTint * uShade.rgb, uShade.a);
      }`,
    ...extra,
  });
}

// A room of triangles: the floor under everything, walls from inside only, things from both sides.
function buildFaces(described, array) {
  const steps = array(described.points);
  const places = new Float32Array(steps.length);
  for (let i = 0; i < steps.length; i++) places[i] = described.origin[i % 3] + steps[i] * described.unit;
  const position = new THREE.BufferAttribute(places, 3), tint = new THREE.BufferAttribute(array(described.colors), 3, true);
  const group = new THREE.Group();
  const materials = [];
  for (const [part, faces] of Object.entries(described.faces)) {
    const floor = part === "floor";
    const material = new THREE.ShaderMaterial({
      uniforms: { uPixels: { value: 1 }, uShade: { value: new THREE.Vector4(1, 1, 1, 1) } },
      vertexShader: `
        attribute vec3 tint;
        varying vec3 vTint;
        void main() {
          vTint = tint;
          gl_Position = projectionMatrix * modelViewMatrix * vec4(position, 1.0);
        }`,
      fragmentShader: `
        uniform vec4 uShade;
        varying vec3 vTint;
        void main() {
          gl_FragColor = vec4(vTint * uShade.rgb, uShade.a);
        }`,
      ...(part === "walls" ? {} : { side: THREE.DoubleSide }),
      ...(floor ? { depthWrite: false, ...OVER } : {}),
    });
    const geometry = new THREE.BufferGeometry();
    geometry.setAttribute("position", position);
    geometry.setAttribute("tint", tint);
    geometry.setIndex(new THREE.BufferAttribute(array(faces), 1));
    const mesh = new THREE.Mesh(geometry, material);
    mesh.renderOrder = floor ? ORDER.floorPoints : ORDER.room;
    mesh.frustumCulled = false;
    group.add(mesh);
    materials.push(material);
  }
  return { group, materials };
}

function buildRoom(described, array) {
  if (described.faces) return buildFaces(described, array);
  const steps = array(described.points), colors = array(described.colors), kinds = array(described.kinds);
  const inward = array(described.inward), sizes = array(described.sizes);
  const group = new THREE.Group();
  const materials = [];
  for (const floor of [true, false]) {
    const chosen = [];
    for (let i = 0; i < described.count; i++) if ((kinds[i] === FLOOR_KIND) === floor) chosen.push(i);
    const places = new Float32Array(chosen.length * 3), tints = new Uint8Array(chosen.length * 3);
    const widths = new Float32Array(chosen.length), ways = new Float32Array(chosen.length * 2);
    chosen.forEach((i, n) => {
      for (let k = 0; k < 3; k++) {
        places[n * 3 + k] = described.origin[k] + steps[i * 3 + k] * described.unit;
        tints[n * 3 + k] = colors[i * 3 + k];
      }
      if (floor) places[n * 3 + 2] = 0;
      // Walls and floor have no outline to keep: larger discs close the gaps of a thin scan.
      widths[n] = (sizes[i] / 1000) * (kinds[i] === OBJECT_KIND ? 1 : 1.3);
      ways[n * 2] = inward[i * 2] / 127;
      ways[n * 2 + 1] = inward[i * 2 + 1] / 127;
    });
    const geometry = new THREE.BufferGeometry();
    geometry.setAttribute("position", new THREE.BufferAttribute(places, 3));
    geometry.setAttribute("tint", new THREE.BufferAttribute(tints, 3, true));
    geometry.setAttribute("size", new THREE.BufferAttribute(widths, 1));
    geometry.setAttribute("inward", new THREE.BufferAttribute(ways, 2));
    // The floor lies under its grid, the shadows and the paths, whatever the noise of the scan.
    const material = pointsMaterial(floor ? { depthWrite: false, ...OVER } : {});
    const points = new THREE.Points(geometry, material);
    points.renderOrder = floor ? ORDER.floorPoints : ORDER.room;
    points.frustumCulled = false;
    group.add(points);
    materials.push(material);
  }
  return { group, materials };
}

// Ground: a disc that fades out, and lines every half metre, stronger ones every metre.
function groundMaterial(lines) {
  return new THREE.ShaderMaterial({
    uniforms: { uColor: { value: new THREE.Vector4() }, uCentre: { value: new THREE.Vector2() }, uReach: { value: 8 } },
    vertexShader: `
      varying vec2 vPlace;
      void main() {
        vPlace = position.xy;
        gl_Position = projectionMatrix * modelViewMatrix * vec4(position, 1.0);
      }`,
    fragmentShader: `
      uniform vec4 uColor;
      uniform vec2 uCentre;
      uniform float uReach;
      varying vec2 vPlace;
      float line(float every) {
        vec2 at = vPlace / every;
        vec2 width = fwidth(at) * 1.1;
        vec2 near = abs(fract(at - 0.5) - 0.5) / max(width, vec2(1e-6));
        return (1.0 - clamp(min(near.x, near.y), 0.0, 1.0)) * clamp(0.35 / max(width.x, width.y), 0.0, 1.0);
      }
      void main() {
        float fade = 1.0 - smoothstep(0.45 * uReach, uReach, distance(vPlace, uCentre));
        ${lines ? "fade *= max(line(1.0), 0.4 * line(0.5));" : ""}
        gl_FragColor = vec4(uColor.rgb, uColor.a * fade);
      }`,
    depthWrite: false,
    ...OVER,
  });
}

function buildGround() {
  const geometry = new THREE.PlaneGeometry(400, 400);
  const group = new THREE.Group();
  const disc = new THREE.Mesh(geometry, groundMaterial(false)), grid = new THREE.Mesh(geometry, groundMaterial(true));
  const shadow = new THREE.Mesh(geometry, new THREE.ShadowMaterial({ opacity: 0.3, depthWrite: false, ...OVER }));
  shadow.receiveShadow = true;
  [[disc, ORDER.ground], [grid, ORDER.grid], [shadow, ORDER.shadow]].forEach(([mesh, order]) => {
    mesh.renderOrder = order;
    mesh.frustumCulled = false;
    group.add(mesh);
  });
  return { group, disc: disc.material, grid: grid.material, shadow: shadow.material };
}

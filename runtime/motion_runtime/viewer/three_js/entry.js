// What the viewer uses of three.js, and nothing else: the bundler leaves the rest out.
export {
  Bone, BufferAttribute, BufferGeometry, CircleGeometry, Color, CustomBlending, DirectionalLight, DoubleSide,
  DynamicDrawUsage, GreaterDepth, Group, HemisphereLight, Matrix4, Mesh, MeshBasicMaterial, MeshStandardMaterial,
  OneFactor, OneMinusSrcAlphaFactor, PCFShadowMap, PerspectiveCamera, PlaneGeometry, Points, Scene, ShaderMaterial,
  ShadowMaterial, Skeleton, SkinnedMesh, SrcAlphaFactor, Vector2, Vector3, Vector4, WebGLRenderer,
} from "three";
export { OrbitControls } from "three/examples/jsm/controls/OrbitControls.js";

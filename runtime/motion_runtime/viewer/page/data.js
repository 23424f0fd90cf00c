// What the file holds: the JSON block, and typed arrays in a deflated base64 block.
const payload = JSON.parse(document.getElementById("payload").textContent);
const ARRAY_TYPES = { u8: Uint8Array, i8: Int8Array, u16: Uint16Array, i16: Int16Array, u32: Uint32Array, f32: Float32Array };

async function unpackArrays() {
  const element = document.getElementById("arrays");
  const packed = Uint8Array.from(atob(element.textContent), (letter) => letter.charCodeAt(0));
  element.remove(); // a megabyte or two that nobody needs twice
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const buffer = await new Response(stream).arrayBuffer();
  return (ref) => new ARRAY_TYPES[ref.type](buffer, ref.at, ref.count);
}

const byId = (id) => document.getElementById(id);
const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

// sRGB 0..1 to linear light, which the lit materials work in.
const linear = (channel) => (channel <= 0.04045 ? channel / 12.92 : Math.pow((channel + 0.055) / 1.055, 2.4));
const cssColor = (color) => `rgb(${color.map((channel) => Math.round(255 * channel)).join(" ")})`;

// An element with a class and text: text from outside only ever enters as text.
function element(tag, className = "", text = "") {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}

const personName = (person) => (person.alone ? person.class : `${person.class} ${person.number}`);

#!/usr/bin/env bash
# Makes three.min.js anew: three.js and its orbit controls as one classic script with the global THREE.
# Needs node and npm; run it only to change the version or the names in entry.js.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
cp "$here/entry.js" "$work/"
cd "$work"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund three@0.187.0 esbuild@0.28.2
# The licence stands in the first comment, and beside the script.
{
    echo "/*! three.js r187, bundled with OrbitControls."
    cat node_modules/three/LICENSE
    echo "*/"
    npx esbuild entry.js --bundle --minify --format=iife --global-name=THREE --target=es2020 --charset=ascii --legal-comments=none
} >"$here/three.min.js"
cp node_modules/three/LICENSE "$here/LICENSE"

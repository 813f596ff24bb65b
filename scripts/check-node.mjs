// Before start and test: the pinned Node must be there. It is missing when packages were installed without scripts.
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  console.error(
    `Sotto needs Node 22.18 or newer, this is ${process.version}. "npm ci" brings a pinned Node; if scripts were ignored, "npm rebuild node" mends it.`,
  );
  process.exit(70);
}

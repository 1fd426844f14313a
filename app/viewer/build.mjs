/** Builds ../static from src: one entry, lazily loaded chunks, one style sheet, the licences of what is inside. */

import { build } from "esbuild";
import { mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";

const here = path.dirname(fileURLToPath(import.meta.url));
const out = path.join(here, "..", "static");
const stub = path.join(here, "src", "no-node.ts");

/** An XML reader inside vtk.js names these modules of Node; no code path of ours reaches it. */
const alias = Object.fromEntries(["events", "url", "fs", "path", "stream", "timers"].map((name) => [name, stub]));

await mkdir(out, { recursive: true });
for (const old of await readdir(out)) {
  if (["main.js", "page.css"].includes(old)) await rm(path.join(out, old));
}
await rm(path.join(out, "chunks"), { recursive: true, force: true });

const result = await build({
  absWorkingDir: here,
  entryPoints: { main: "src/main.ts", page: "src/css/page.css" },
  outdir: out,
  entryNames: "[name]",
  chunkNames: "chunks/[name]-[hash]",
  bundle: true,
  splitting: true,
  format: "esm",
  target: ["es2022"],
  minify: true,
  legalComments: "none",
  metafile: true,
  alias,
  external: ["./fonts/*"],
  logLevel: "warning",
});

await writeFile(path.join(out, "licences.txt"), await licences(result.metafile));
for (const [file, facts] of Object.entries(result.metafile.outputs)) {
  console.log(`${path.relative(out, path.join(here, file)).padEnd(40)} ${(facts.bytes / 1024).toFixed(0).padStart(6)} KB`);
}

/** Name, version, licence and full text of every package that ended up in the bundle. */
async function licences(metafile) {
  const folders = new Set();
  for (const output of Object.values(metafile.outputs)) {
    for (const [input, { bytesInOutput }] of Object.entries(output.inputs)) {
      const found = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input);
      if (found && bytesInOutput > 0) folders.add(found[1]);
    }
  }
  const parts = [];
  for (const folder of [...folders].sort()) {
    const { name, version, license, author, repository } = JSON.parse(await readFile(path.join(here, folder, "package.json"), "utf8"));
    const file = (await readdir(path.join(here, folder))).find((entry) => /^licen[cs]e/i.test(entry));
    const text = file ? await readFile(path.join(here, folder, file), "utf8") : "(the package ships no licence text; its licence is the one named above)";
    const by = typeof author === "string" ? author : author?.name;
    const source = typeof repository === "string" ? repository : repository?.url;
    parts.push(`${name} ${version}\nLicence: ${typeof license === "string" ? license : JSON.stringify(license)}\n${by ? `Author: ${by}\n` : ""}${source ? `Source: ${source}\n` : ""}\n${text.trim()}\n`);
  }
  return parts.join(`\n${"-".repeat(78)}\n\n`);
}

import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

/** KaTeX names each font in three formats; every supported browser reads WOFF2. */
function onlyWoff2(): Plugin {
  return {
    name: "only-woff2",
    enforce: "pre",
    transform(code, id) {
      if (!/katex[^/]*\.css/.test(id)) return null;
      return { code: code.replace(/,\s*url\([^)]*\.(?:woff|ttf)\)\s*format\([^)]*\)/g, ""), map: null };
    },
  };
}

const backend = process.env.INTELLISTACK_URL ?? "http://localhost:8080";

export default defineConfig({
  plugins: [onlyWoff2(), react()],
  build: {
    outDir: "dist",
    target: "es2022",
    // The content security policy allows no data: scripts or styles, and fonts are cached better as files.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: {
    proxy: { "/api": { target: backend }, "/.well-known": { target: backend } },
  },
});

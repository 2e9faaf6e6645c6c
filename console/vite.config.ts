import { defineConfig } from "vite";

const server = "http://127.0.0.1:8787";

export default defineConfig({
  base: "/",
  build: {
    outDir: "../src/lingjing/interfaces/web",
    emptyOutDir: true,
    target: "es2022",
    // The page itself, and the page of components.
    rolldownOptions: { input: ["index.html", "components.html"] },
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1500,
  },
  worker: { format: "es" },
  server: { proxy: { "/api": { target: server, changeOrigin: true } } },
});

/** How the web UI is bundled: one small first view, each page and the chart library apart. */
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

export default defineConfig({
  plugins: [react()],
  base: '/',
  build: {
    outDir: '../dist/web',
    emptyOutDir: true,
    target: 'es2023',
    cssTarget: 'chrome125',
    reportCompressedSize: true,
  },
})

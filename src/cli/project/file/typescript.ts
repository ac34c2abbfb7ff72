/** The Node that loads a pipeline which is written in TypeScript: the one that runs this program. */
import { join } from 'node:path'
import type { Loader } from './program.ts'

/** Types are left out, not checked: that is for the author's editor and compiler. */
export function typescriptLoader(): Loader {
  return {
    program: process.execPath,
    args: [
      '--max-old-space-size=1024',
      '--disable-warning=ExperimentalWarning',
      '--disable-warning=MODULE_TYPELESS_PACKAGE_JSON',
      LOAD,
    ],
    env: {},
  }
}

const LOAD = join(import.meta.dirname, 'load-typescript.ts')

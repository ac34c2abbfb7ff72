/** The scoring room: what the program does with models outside a gateway: scores tables, replays lowerings, proves exports. */
import { onnxServing } from './onnx/prove.ts'
import { scoreNative } from './native/score.ts'
import { verifyApart } from './native/verify-apart.ts'

export interface ScoringDeps {
  /** Folder in which ONNX Runtime is kept. */
  readonly cacheFolder: string
}

/** Ports only: scoring has no routes and no loops. */
export type ScoringRoom = ReturnType<typeof onnxServing> & {
  readonly scoreNative: typeof scoreNative
  /** Address of the module that exports it, for threads. */
  readonly scorer: string
  readonly verifyNative: typeof verifyApart
}

export function scoringRoom({ cacheFolder }: ScoringDeps): ScoringRoom {
  const scorer = new URL('./native/score.ts', import.meta.url).href
  return { ...onnxServing(cacheFolder), scoreNative, scorer, verifyNative: verifyApart }
}

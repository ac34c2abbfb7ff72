/** The places that `npm run mutants` knows: which sources get faults, and which tests have to find them. */

/** Globs relative to the checkout. Tests, cases and fixtures are never given faults. */
export interface MutantPlace {
  readonly name: string
  readonly sources: readonly string[]
  readonly tests: readonly string[]
  /** Those of `tests` that wait for real processes. They are run only for what the others let pass. */
  readonly slow?: readonly string[]
}

/** A place is a line here; where a folder is moved, only its line changes. */
export const PLACES: readonly MutantPlace[] = [
  { name: 'stats', sources: ['src/stats/**/*.ts'], tests: ['src/stats/**/*.test.ts'] },
  { name: 'jobs', sources: ['src/jobs/**/*.ts'], tests: ['src/jobs/**/*.test.ts'] },
  { name: 'auth', sources: ['src/auth/**/*.ts'], tests: ['src/auth/**/*.test.ts'] },
  {
    name: 'store',
    sources: ['src/store/**/*.ts'],
    tests: ['src/store/**/*.test.ts'],
  },
  {
    name: 'rollout',
    sources: ['src/rollout/**/*.ts'],
    tests: ['src/rollout/**/*.test.ts'],
    slow: [
      'src/rollout/**/*.postgres.test.ts',
      'src/rollout/**/*.story.test.ts',
      'src/rollout/rollout.test.ts',
      'src/rollout/controller/atomicity.test.ts',
    ],
  },
  { name: 'registry/gates', sources: ['src/registry/gates/**/*.ts'], tests: ['src/registry/**/*.test.ts'] },
  { name: 'registry/aliases', sources: ['src/registry/aliases/**/*.ts'], tests: ['src/registry/**/*.test.ts'] },
  {
    name: 'pipelines/run',
    sources: [
      'src/pipelines/run/{cache,collect,faults,finish,launch,prepare,reconciler,record,retry}.ts',
      'src/pipelines/spec/key.ts',
    ],
    tests: ['src/pipelines/**/*.test.ts'],
    slow: [
      'src/pipelines/**/*.story.test.ts',
      'src/pipelines/drivers/**/*.test.ts',
      'src/pipelines/pipelines.test.ts',
      'src/pipelines/run/{leader.process,preemption}.test.ts',
    ],
  },
  {
    name: 'tracking/metrics',
    sources: ['src/tracking/metrics/**/*.ts', 'src/tracking/context/points.ts'],
    tests: ['src/tracking/metrics/**/*.test.ts'],
  },
  {
    name: 'monitoring/checks',
    sources: [
      'src/monitoring/checks/**/*.ts',
      'src/monitoring/rounds/{again,evaluate,evidence,freshness,hour,quality,reconcile}.ts',
    ],
    tests: ['src/monitoring/**/*.test.ts'],
    slow: ['src/monitoring/**/*.{postgres,story}.test.ts', 'src/monitoring/labels/crash.process.test.ts'],
  },
]

/** What a search finds beside the real Optuna: functions that searches are tried on and a real model, 60 trials, four at once, 20 seeds. */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { join } from 'node:path'
import type { Dimension, Method } from '../../src/contract/pipelines/studies.ts'
import { suggest } from '../../src/pipelines/search/sampling/samplers.ts'
import { valuesAt, type Observation, type Space, type Vector } from '../../src/pipelines/search/sampling/space.ts'
import { testEnv } from '../../test/python-env.ts'
import type { Row } from '../table.ts'

const TRIALS = 60
const AT_ONCE = 4
const SEEDS = 20
/** By how much of its value the best of Optuna's may be better. */
const WITHIN = 0.02

/** Rows of each function: the median of the best values, by our ways and by Optuna's. */
export async function search(): Promise<Row[]> {
  const python = await testEnv(['optuna==5.0.0', 'scikit-learn==1.9.1'], 'once')
  const peer = openPeer(python)
  try {
    const { spaces } = (await peer.ask({ spaces: true })) as { spaces: Record<string, Space> }
    const rows: Row[] = []
    for (const [name, space] of Object.entries(spaces)) rows.push(await compare(peer, name, space))
    return rows
  } finally {
    peer.close()
  }
}

type Peer = ReturnType<typeof openPeer>

/** The process that has the functions and Optuna; it answers one question after the other. */
function openPeer(python: string) {
  const child = spawn(python, [join(import.meta.dirname, 'search_peer.py')], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, OMP_NUM_THREADS: '1' },
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    async ask(question: unknown): Promise<unknown> {
      child.stdin.write(`${JSON.stringify(question)}\n`)
      const { value, done } = await lines.next()
      if (done === true) throw new Error('the process with Optuna has ended; its error is above')
      return JSON.parse(value)
    },
    close: () => void child.kill(),
  }
}

async function compare(peer: Peer, name: string, space: Space): Promise<Row> {
  const seeds = Array.from({ length: SEEDS }, (_, seed) => seed)
  const optuna: number[] = []
  for (const seed of seeds) {
    const asked = { optuna: name, seed, trials: TRIALS, at_once: AT_ONCE, sampler: 'tpe' }
    optuna.push(((await peer.ask(asked)) as { best: number[] }).best.at(-1) ?? Number.NaN)
  }
  const ours: Partial<Record<Method, number>> = {}
  let cpu = 0
  for (const method of ['gp', 'tpe', 'random'] as const) {
    const found: { best: number; ms: number }[] = []
    for (const seed of seeds) found.push(await ourBest({ peer, name, space }, method, seed))
    ours[method] = median(found.map(({ best }) => best))
    if (method === 'gp') cpu = found.reduce((sum, { ms }) => sum + ms, 0) / SEEDS / TRIALS
  }
  const [own, theirs] = [ours.gp ?? Number.NaN, median(optuna)]
  return {
    name: `search: ${name}, best of ${TRIALS} trials, ${AT_ONCE} at once, median of ${SEEDS} seeds`,
    measured: `gp ${shown(own)}, tpe ${shown(ours.tpe)}, random ${shown(ours.random)}; ${cpu.toFixed(1)} ms a point`,
    target: `at most ${100 * WITHIN} % behind Optuna's`,
    beside: `Optuna 5.0.0 (TPE) ${shown(theirs)}`,
    ok: own <= theirs + WITHIN * Math.abs(theirs),
    figures: { ...ours, optuna: theirs, gp_ms_a_point: cpu },
  }
}

interface Of {
  readonly peer: Peer
  readonly name: string
  readonly space: Space
}

/** Trials come in fours, as Optuna's in the same bench. */
async function ourBest({ peer, name, space }: Of, method: Method, seed: number): Promise<{ best: number; ms: number }> {
  const dimensions: Dimension[] = Object.values(space)
  const told: Observation[] = []
  let ms = 0
  while (told.length < TRIALS) {
    const open: Vector[] = []
    const began = performance.now()
    for (let i = 0; i < AT_ONCE; i++) {
      const known = { told, open: [...open], allows: () => true }
      const found = suggest(dimensions, known, { method, seed, number: told.length + i, position: 0 })
      if (found === undefined) throw new Error(`no point for ${name}`)
      open.push(found.at)
    }
    ms += performance.now() - began
    const asked = { evaluate: name, points: open.map((at) => valuesAt(space, at)) }
    const { values } = (await peer.ask(asked)) as { values: number[] }
    told.push(...open.map((at, i) => ({ at, loss: values[i] ?? Number.NaN, stopped: null })))
  }
  return { best: Math.min(...told.map(({ loss }) => loss)), ms }
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const [low = Number.NaN, high = Number.NaN] = [
    sorted[Math.floor((sorted.length - 1) / 2)],
    sorted[Math.floor(sorted.length / 2)],
  ]
  return (low + high) / 2
}

function shown(value: number | undefined): string {
  return value === undefined ? '' : value.toPrecision(3)
}

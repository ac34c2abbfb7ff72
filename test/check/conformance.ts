/** Stages that run other projects' clients and tests against a real server, where they lie beside the checkout. */
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { program } from './stage.ts'
import type { Outcome, Stage } from './stage.ts'
import { emptyTally } from './tally.ts'
import type { Tally } from './tally.ts'

const CLIENTS_MS = 1_200_000
const TESTS_MS = 6_000_000

/**
 * Client scripts of `CONFORMANCE_SUITE`, by default a folder beside the checkout; with `MLFLOW_TESTS`, the folder of MLflow's own
 * `tests/`, those of its server too.
 */
export function conformanceStages(root: string, env: NodeJS.ProcessEnv): Stage[] {
  const suite = resolve(root, env['CONFORMANCE_SUITE'] ?? '../shared/conformance/mlflow')
  const tests = env['MLFLOW_TESTS']
  const clients = { name: 'clients', twice: true, run: () => conformance(suite, [], CLIENTS_MS) }
  if (tests === undefined || tests === '') return [clients]
  return [clients, { name: 'mlflow', twice: true, run: () => conformance(suite, [resolve(root, tests)], TESTS_MS) }]
}

async function conformance(suite: string, args: readonly string[], limitMs: number): Promise<Outcome> {
  if (!existsSync(join(suite, 'run.sh'))) {
    return {
      ok: true,
      skipped: 'no suite of client scripts lies beside the checkout; CONFORMANCE_SUITE names its folder',
    }
  }
  const ended = await program('node', ['test/conformance/run.ts', suite, ...args], { limitMs })
  const tally = readTotal(ended.report ?? '')
  return { ...ended, ok: ended.ok && tally !== undefined, tally: tally ?? emptyTally() }
}

/** The closing line of a part that counts for itself, with the lines that say what was skipped. */
export function readTotal(printed: string): Tally | undefined {
  const [, passed, failed, skipped] = /^(\d+) passed, (\d+) failed, (\d+) skipped$/m.exec(printed) ?? []
  if (passed === undefined) return undefined
  const skips = [...printed.matchAll(/^not yet: .*$/gm)].map(([line]) => `clients: ${line}`)
  return { passed: Number(passed), failed: Number(failed), skipped: Number(skipped), skips }
}

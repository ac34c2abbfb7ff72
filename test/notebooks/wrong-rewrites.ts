/** Wrong rewrites of packages, put to the proof. */
import assert from 'node:assert/strict'
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { proveAgain } from '../../src/notebook/package.ts'
import { testEnv } from '../python-env.ts'
import { PACKAGES } from './notebooks.ts'
import type { notebookBench } from './notebooks.ts'

export type Mutation = readonly [what: string, module: string, from: string, to: string]

export interface Rewritten {
  /** The name of the package. */
  readonly name: string
  /** Its notebook. */
  readonly file: string
  readonly mutations: readonly Mutation[]
  /** What the environment has besides Python. */
  readonly packages: readonly string[]
}

/** Packages a notebook and holds the proof against it: once untouched, and once for each wrong rewrite, which it has to find. */
export async function findsEach(
  bench: Pick<ReturnType<typeof notebookBench>, 'run'>,
  { name, file, mutations, packages }: Rewritten,
): Promise<void> {
  const python = await testEnv(packages)
  const made = await bench.run(file, '--no-proof', '--python', python)
  assert.equal(made.code, 0, made.said)
  const folders = mutations.map(([, module, from, to], at) => {
    const copy = `${made.folder}-${at}`
    cpSync(made.folder, copy, { recursive: true })
    const path = join(copy, 'src', name, `${module}.py`)
    const text = readFileSync(path, 'utf8')
    assert.equal(text.split(from).length, 2, `${from} stands once in ${module}:\n${text}`)
    writeFileSync(
      path,
      text.replace(from, () => to),
    )
    return copy
  })
  const options = {
    file,
    out: undefined,
    python,
    data: [],
    order: 'auto' as const,
    model: undefined,
    proof: true,
    network: false,
    offline: true,
    limit: 60,
    sampleAbove: 0,
    say: () => undefined,
  }
  const [untouched, ...proofs] = await proveAgain(options, [made.folder, ...folders])
  assert.deepEqual([untouched?.verdict, untouched?.why], ['verified', ''])
  assert.equal(untouched?.saved.verdict, packages === PACKAGES ? 'verified' : 'not compared')
  const missed = mutations.filter((_, at) => proofs[at]?.verdict !== 'not verified').map(([what]) => what)
  assert.deepEqual(missed, [])
  for (const proof of proofs) assert.notEqual(proof.why, '')
}

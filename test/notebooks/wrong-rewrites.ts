/** Wrong rewrites of packages, put to the proof. */
import assert from 'node:assert/strict'
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { proveAgain } from '../../src/notebook/again.ts'
import { testEnv } from '../python-env.ts'
import { AS_GIVEN, FIXTURES, PACKAGES, writeNotebook, type notebookBench } from './notebooks.ts'

/** `module` is one of the package, or a file of the project by its name. */
export type Mutation = readonly [what: string, module: string, from: string, to: string]

export interface Rewritten {
  /** The name of the package. */
  readonly name: string
  /** The cells of its notebook, which gets the same name; where none are given, it is the fixture of that name. */
  readonly cells?: readonly string[]
  readonly mutations: readonly Mutation[]
  /** What the environment has besides Python. */
  readonly packages: readonly string[]
  /** What each reason is, where only one part of the proof can find it. */
  readonly why?: RegExp
}

/** Packages a notebook and holds the proof against it: once untouched, and once for each wrong rewrite, which it has to find. */
export async function findsEach(
  bench: Pick<ReturnType<typeof notebookBench>, 'folder' | 'run'>,
  { name, cells, mutations, packages, why = /./ }: Rewritten,
): Promise<void> {
  const python = await testEnv(packages)
  const file = cells === undefined ? join(FIXTURES, `${name}.ipynb`) : writeNotebook(bench.folder, name, cells)
  const made = await bench.run(file, '--no-proof', '--python', python)
  assert.equal(made.code, 0, made.said)
  const folders = mutations.map(([, module, from, to], at) => {
    const copy = `${made.folder}-${at}`
    cpSync(made.folder, copy, { recursive: true })
    const path = module.includes('.') ? join(copy, module) : join(copy, 'src', name, `${module}.py`)
    const text = readFileSync(path, 'utf8')
    assert.equal(text.split(from).length, 2, `${from} stands once in ${module}:\n${text}`)
    writeFileSync(
      path,
      text.replace(from, () => to),
    )
    return copy
  })
  const options = { ...AS_GIVEN, file, python, say: () => undefined }
  const [untouched, ...proofs] = (await proveAgain(options, [made.folder, ...folders])).map(
    ({ report }) => report.proof,
  )
  assert.deepEqual([untouched?.verdict, untouched?.why, untouched?.predictions], ['verified', '', 'verified'])
  assert.equal(untouched?.saved.verdict, packages === PACKAGES ? 'verified' : 'not compared')
  assert.equal(packages === PACKAGES && untouched?.saved.why, packages === PACKAGES && '')
  const missed = mutations.filter((_, at) => proofs[at]?.verdict !== 'not verified').map(([what]) => what)
  assert.deepEqual(missed, [])
  for (const [at, proof] of proofs.entries()) {
    const [what] = mutations[at] ?? []
    assert.ok(why.test(proof.why), `${what}: ${proof.why}`)
  }
}

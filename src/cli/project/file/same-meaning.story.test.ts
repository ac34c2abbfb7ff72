/** Random pipelines mean the same whatever they are written in: equal specs, equal keys and equal faults. The oracle is YAML that a test's own generator wrote. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { specOf, type Files } from '../../../pipelines/spec/edits.fixture.ts'
import { keyOf, keyParts } from '../../../pipelines/spec/key.ts'
import { readProject } from '../../../pipelines/spec/parse.ts'
import type { PipelineSpec } from '../../../pipelines/spec/spec.ts'
import { drawn, yamlOf, type Drawn } from './drawn.fixture.ts'
import { pythonOf } from './drawn-python.fixture.ts'
import { typescriptOf } from './drawn-typescript.fixture.ts'
import { readProjectFile } from './project-file.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-same-meaning-'))
after(() => rmSync(root, { recursive: true, force: true }))

const environment = { digest: 'sha256:e', python_version: '3.12.1', platform: 'linux', text: '', packages: [] }

function keysOf({ steps, salt }: PipelineSpec): string[] {
  return steps.map((step) => keyOf(keyParts(step, { inputs: {}, params: step.params, environment, salt })))
}

/** The text that a program says of a drawn pipeline. */
async function written(name: string, file: string, program: string): Promise<string> {
  const folder = join(root, name)
  mkdirSync(folder)
  writeFileSync(join(folder, file), program)
  const { text, faults, isBroken } = await readProjectFile(folder, file)
  assert.deepEqual([isBroken, faults], [false, []], program)
  return text
}

/** The project as a server gets it, with the code of its steps. */
function around(one: Drawn, yaml: string): Files {
  const functions = one.steps.map((_, i) => `def f${i}(**given): ...\n`).join('')
  return { 'slipway.yaml': yaml, 'slipway_pipeline.py': pythonOf(one), 'elsewhere/job.py': functions, 'x.py': '' }
}

function faultsOf(text: string): string[] {
  return readProject(text)
    .faults.map(({ key, message }) => `${key}: ${message}`)
    .toSorted()
}

const LANGUAGES: readonly (readonly [name: string, file: string, write: (one: Drawn) => string])[] = [
  ['Python', 'slipway_pipeline.py', pythonOf],
  ['TypeScript', 'pipeline.ts', typescriptOf],
]

for (const [language, file, write] of LANGUAGES) {
  describe(`a pipeline in ${language}`, () => {
    it('has the spec and the keys of its YAML form', async () => {
      let [conditions, items] = [0, 0]
      for (let seed = 1; seed <= 30; seed++) {
        const one = drawn(seed, false)
        const [yaml, said] = [yamlOf(one), await written(`${language}-${seed}`, file, write(one))]
        const [expected, spec] = await Promise.all([yaml, said].map((text) => specOf(around(one, text))))
        assert.ok(expected !== undefined && spec !== undefined)
        assert.deepEqual({ ...spec, tree: '' }, { ...expected, tree: '' }, `${seed}:\n${yaml}\n${said}`)
        assert.deepEqual(keysOf(spec), keysOf(expected))
        assert.deepEqual(readProject(said).project, readProject(yaml).project)
        conditions += spec.steps.filter((step) => step.when !== undefined).length
        items += one.steps.filter((step) => step.items !== undefined).length
      }
      assert.ok(items > 10, `${items} steps with items`)
      assert.ok(conditions > 10, `${conditions} conditions`)
    })

    it('has the faults of its YAML form', async () => {
      let faults = 0
      for (let seed = 101; seed <= 115; seed++) {
        const one = drawn(seed, true)
        const yaml = faultsOf(yamlOf(one))
        assert.deepEqual(
          faultsOf(await written(`${language}-${seed}`, file, write(one))),
          yaml,
          `${seed}:\n${yamlOf(one)}`,
        )
        faults += yaml.length
      }
      assert.ok(faults > 15, `${faults} faults`)
    })
  })
}

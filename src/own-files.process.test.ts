/** What is asked of Node once own files are found by name: only what others wrote, and a file that is missing is told by its path. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from '../test/fixtures/folder.ts'

const folder = temporaryFolder('own-files')
// the program is what lies beside it, so that this copy is of a program of its own
const own = join(folder, 'program')

function write(files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
}

/** Runs a text beside the folder of the program; `asked` are the specifiers that Node itself resolves. */
function run(text: string): { readonly asked: string[]; readonly said: string } {
  const program = `
import { registerHooks } from 'node:module'
const asked = []
registerHooks({ resolve: (specifier, context, next) => (asked.push(specifier), next(specifier, context)) })
const { findOwnFilesByName } = await import('./program/own-files.ts')
findOwnFilesByName()
asked.length = 0
${text}
console.log(JSON.stringify(asked))`
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    cwd: folder,
    encoding: 'utf8',
  })
  return { asked: stdout === '' ? [] : (JSON.parse(stdout) as string[]), said: stderr }
}

test('own files are found by their names; packages, and files of others, as Node finds them', () => {
  mkdirSync(join(own, 'deep'), { recursive: true })
  mkdirSync(join(folder, 'node_modules/lib'), { recursive: true })
  copyFileSync(join(import.meta.dirname, 'own-files.ts'), join(own, 'own-files.ts'))
  write({
    'package.json': '{ "type": "module" }',
    'node_modules/lib/package.json': '{ "type": "module", "exports": "./lib.js" }',
    'node_modules/lib/lib.js': "export { four } from './four.js'",
    'node_modules/lib/four.js': 'export const four = 4',
    'theirs.ts': "import { two } from './program/deep/two.ts'\nexport const sum: number = two + 1",
    'program/main.ts':
      "import { join } from 'node:path'\nimport { four } from 'lib'\nimport { two } from './deep/two.ts'\nexport const all: string = join(String(four), String(two))",
    'program/deep/two.ts': "import { one } from '../one.ts'\nexport const two: number = one * 2",
    'program/one.ts': 'export const one: number = 1',
    'program/broken.ts': "import './gone.ts'",
  })
  const found = run(`
const { all } = await import('./program/main.ts')
const { sum } = await import('./theirs.ts')
if (all !== '4/2' || sum !== 3) throw new Error(all + ' ' + sum)`)
  assert.equal(found.said, '')
  const byNode = ['./four.js', './program/deep/two.ts', './program/main.ts', './theirs.ts', 'lib', 'node:path']
  assert.deepEqual(found.asked.toSorted(), byNode)
})

test('a file that is missing is named', () => {
  const { said } = run("await import('./program/broken.ts')")
  assert.match(said, /ENOENT: no such file or directory, open '.*\/program\/gone\.ts'/)
})

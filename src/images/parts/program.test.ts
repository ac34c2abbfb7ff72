/** What of the npm packages comes into an image: all that Node finds by their names, and little besides. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { installedPackages, programFiles } from './program.ts'

const ROOT = join(import.meta.dirname, '../../..')

test('each package that the program names has the file that Node runs for it', async () => {
  const files = await installedPackages(ROOT)
  const { dependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>
  }
  const missing = Object.keys(dependencies).filter((name) => {
    const found = resolved(name)
    return found !== undefined && !files.has(found)
  })
  assert.deepEqual(missing, [])
  assert.ok(files.size > 100)
  assert.ok([...files.keys()].every((path) => !path.endsWith('.d.ts')))
})

/** Where Node finds a package; undefined for one that is no module, such as a binary. */
function resolved(name: string): string | undefined {
  try {
    return relative(ROOT, fileURLToPath(import.meta.resolve(name)))
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ERR_MODULE_NOT_FOUND' || code === 'ERR_PACKAGE_PATH_NOT_EXPORTED') return undefined
    throw error
  }
}

test('a program has its modules, what it starts beside them, and the packages of both', async () => {
  const paths = [...(await programFiles(ROOT, 'src/serving/batch/alone.ts')).keys()]
  for (const one of ['src/serving/batch/run.ts', 'src/scoring/onnx/thread.ts', 'node_modules/hyparquet/src/node.js'])
    assert.ok(paths.includes(one), `${one} is missing`)
  assert.ok(!paths.some((path) => path.endsWith('.test.ts')))
})

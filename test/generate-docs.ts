/**
 * Writes the generated documentation, or with `--check` fails when it is out of step with the code.
 *
 * `node test/generate-docs.ts [--check] [--architecture]`; `--architecture` redraws the table of ARCHITECTURE.md alone.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { ifMissingNow } from '../src/contract/absence/absent.ts'
import { architecturePage, difference, referencePages } from './reference.ts'

const root = resolve(import.meta.dirname, '..')

const { values } = parseArgs({ options: { check: { type: 'boolean' }, architecture: { type: 'boolean' } } })
const pages =
  values.architecture === true ? new Map([['ARCHITECTURE.md', architecturePage(root)]]) : await referencePages(root)
const stale = [...pages].filter(([path, text]) => current(path) !== text)

if (values.check === true) {
  for (const [path, text] of stale) console.error(difference(path, current(path), text))
  if (stale.length > 0) console.error('Mend it: npm run docs')
  process.exitCode = stale.length > 0 ? 1 : 0
} else {
  for (const [path, text] of stale) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
    console.log(`wrote ${path}`)
  }
}

function current(path: string): string {
  return ifMissingNow(() => readFileSync(join(root, path), 'utf8')) ?? ''
}

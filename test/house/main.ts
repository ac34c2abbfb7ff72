/**
 * `npm run figures`: prints the figures of the house. `-- --duplicates N` adds the first N pairs that stand twice;
 * `-- --exceptions` rewrites the list of exceptions instead.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { runMain } from '../main.ts'
import { figures } from './figures.ts'
import { breaches } from './rules.ts'

const root = resolve(import.meta.dirname, '../..')

await runMain('figures', async () => {
  const options = { exceptions: { type: 'boolean' }, duplicates: { type: 'string', default: '0' } } as const
  const { values } = parseArgs({ options })
  if (!/^\d{1,6}$/.test(values.duplicates))
    throw new Error(`--duplicates is "${values.duplicates}"; expected how many pairs are to be listed`)
  if (values.exceptions === true) rewriteExceptions()
  else console.log(figures(root, { duplicates: Number(values.duplicates) }).join('\n'))
  return 0
})

/** Headings keep the lines of two rooms apart, so that two people may shorten the list at once. */
function rewriteExceptions(): void {
  const file = join(root, 'test/house/exceptions.ts')
  const rooms = Map.groupBy(breaches(root), (line) => roomOfPlace(line.split(' | ')[0] ?? ''))
  const lines = [...rooms].map(([room, found]) => `# ${room}\n${found.map((line) => `${escaped(line)}\n`).join('')}`)
  const text = readFileSync(file, 'utf8')
  writeFileSync(
    file,
    text.replace(/^const LINES = `\n[\s\S]*?^`$/m, () => `const LINES = \`\n${lines.join('')}\``),
  )
  console.log('wrote test/house/exceptions.ts; a list that grew needs a reason')
}

function escaped(line: string): string {
  return line.replaceAll(/[\\`]|\$\{/g, (found) => `\\${found}`)
}

/** `src/store/s3` and `src/store/x.ts` belong to `src/store`; other tops are one group each. */
function roomOfPlace(place: string): string {
  return /^src\/\w+(?=\/|$)|^[\w.]+/.exec(place)?.[0] ?? place
}

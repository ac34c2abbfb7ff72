/** Tries the notebooks of others and writes their table into docs/reference/notebooks.md: `node test/notebooks/foreign/main.ts`. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { agrees, isWhole } from '../../../src/contract/packages/proof.ts'
import { runMain } from '../../main.ts'
import { asTable, openSource, SOURCES, tryNotebook, type Tried } from './gallery.ts'

const PAGE = join(import.meta.dirname, '../../../docs/reference/notebooks.md')

const HEAD = `# Notebooks of others

Made by \`node test/notebooks/foreign/main.ts\`; \`./slipway test --heavy\` tries some of them again and compares. These are examples that libraries ship
with their documentation: ${SOURCES.map(({ library, from }) => `${library}'s (${from})`).join(', ')}. They were packaged by \`slipway package\` with libraries
of their time (scikit-learn 1.2.2). Where one fits several models, \`--model\` names one. What the verdicts mean says the [guide](../guides/notebooks.md).

`

async function main(): Promise<number> {
  const tried: Tried[] = []
  for (const source of SOURCES) {
    const opened = await openSource(source)
    if (opened === undefined)
      throw new Error(`${source.from} cannot be had here: it needs apt-get of Debian 12, PyPI and Python 3.11`)
    for (const one of source.notebooks) {
      tried.push(await tryNotebook(opened, one))
      console.log(JSON.stringify(tried.at(-1)))
    }
  }
  const good = tried.filter(({ verdict }) => agrees(verdict))
  const unasked = good.filter(({ verdict }) => !isWhole(verdict)).length
  const count = `${good.length} of ${tried.length} are verified; ${unasked} of these ask their model nothing that could be compared.`
  writeFileSync(PAGE, `${HEAD}${count}\n\n${asTable(tried)}\n`)
  return 0
}

await runMain('foreign', main)

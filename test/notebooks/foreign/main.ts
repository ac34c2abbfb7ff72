/** Tries the notebooks of others and writes their table into docs/reference/notebooks.md: `node test/notebooks/foreign/main.ts`. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runMain } from '../../main.ts'
import { asTable, GALLERY, openGallery, tryNotebook, type Tried } from './gallery.ts'

const PAGE = join(import.meta.dirname, '../../../docs/reference/notebooks.md')

const HEAD = `# Notebooks of others

Made by \`node test/notebooks/foreign/main.ts\`; \`./slipway test --heavy\` tries them again and compares. These are notebooks of scikit-learn's gallery
as Debian ships them (python-sklearn-doc 1.2.1+dfsg-1), packaged by \`slipway package\` with scikit-learn 1.2.2 and the libraries of its time. Where one
fits several models, \`--model\` names one. What the verdicts mean says the [guide](../guides/notebooks.md).

`

async function main(): Promise<number> {
  const gallery = await openGallery()
  if (gallery === undefined)
    throw new Error('the gallery cannot be had here: it needs apt-get of Debian 12 and Python 3.11')
  const tried: Tried[] = []
  for (const one of GALLERY) {
    tried.push(await tryNotebook(gallery, one))
    console.log(JSON.stringify(tried.at(-1)))
  }
  const good = tried.filter(({ verdict }) => verdict === 'verified' || verdict === 'within tolerance').length
  writeFileSync(PAGE, `${HEAD}${good} of ${tried.length} are verified.\n\n${asTable(tried)}\n`)
  return 0
}

await runMain('foreign', main)

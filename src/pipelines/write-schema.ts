/** Writes docs/reference/slipway.schema.json from the code. Run: node src/pipelines/write-schema.ts */
import { mkdirSync, writeFileSync } from 'node:fs'
import { projectJsonSchema } from './project.ts'

const target = new URL('../../docs/reference/slipway.schema.json', import.meta.url)
mkdirSync(new URL('.', target), { recursive: true })
writeFileSync(target, `${JSON.stringify(projectJsonSchema(), undefined, 2)}\n`)

/** Loads a file of TypeScript or JavaScript that writes a pipeline, and leaves what it says as JSON: ROOT FILE RESULT SECONDS. */
import { renameSync, writeFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { Pipeline } from '../../../client/pipeline.ts'

const [root = '', file = '', result = ''] = process.argv.slice(2)
const own = join(root, file)

interface Said {
  readonly text: string | null
  readonly marks: readonly (readonly [path: readonly string[], file: string, line: number])[]
  readonly faults: readonly (readonly [path: readonly string[], file: string, line: number, message: string])[]
}

// whatever the user's folder has installed, the builder is the one of this version
const builder = pathToFileURL(join(import.meta.dirname, '../../../client/pipeline.ts')).href
registerHooks({
  resolve: (specifier, context, next) => next(specifier === 'slipway/pipeline' ? builder : specifier, context),
})

async function said(): Promise<Said> {
  const module = (await import(pathToFileURL(own).href)) as Readonly<Record<string, unknown>>
  const found = [...new Set(Object.values(module))].filter((one) => one instanceof Pipeline)
  const [only] = found
  if (only === undefined || found.length > 1) {
    const has = found.length === 0 ? 'no pipeline' : `${found.length} pipelines`
    return fault(1, `got ${has}, expected one: export default pipeline("name", {}, (p) => { … })`)
  }
  const { marks, faults } = only
  return {
    text: new Pipeline(only.data, { marks: [], faults: [] }).toYaml(),
    marks: marks.map(([path, place]) => [path, pathOf(place.file), place.line] as const),
    faults: faults.map(({ path, message, ...place }) => [path, pathOf(place.file), place.line, message] as const),
  }
}

function fault(line: number, message: string, where = own): Said {
  return { text: null, marks: [], faults: [[[], where, line, message]] }
}

function pathOf(place: string): string {
  return place.startsWith('file:') ? fileURLToPath(place) : place
}

/** The first line of the project that an error names. */
function failed(error: unknown): Said {
  const { name = 'Error', message = String(error), stack = '' } = error instanceof Error ? error : {}
  for (const [, place = '', line = '1'] of stack.matchAll(/((?:file:\/)?\/[^\s()]+?):(\d+)(?::\d+)?\)?$/gm)) {
    const path = pathOf(place)
    if (path.startsWith(`${root}/`) && !path.includes('/node_modules/'))
      return fault(Number(line), `${name}: ${message}`, path)
  }
  return fault(1, `${name}: ${message}`)
}

let answer: Said
try {
  answer = await said()
} catch (error) {
  answer = failed(error)
}
writeFileSync(`${result}.tmp`, JSON.stringify(answer))
renameSync(`${result}.tmp`, result)
process.exit(0)

/** Scores a table with the one model beside it and no server: what an image for batches runs. Its first argument is the model's folder. */
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { Problem } from '../../contract/errors.ts'
import { readAlone } from '../../gateway/table/alone-file.ts'
import { findInput, formatOf, openSource } from './local.ts'
import { batchTable, tableBatch } from './table-batch.ts'

const USAGE = 'expected INPUT OUTPUT [--chunk ROWS] [--on-error stop|skip] [--work DIR] [--restart]'
const MOST_ROWS = 1_000_000

/** What the caller has to change: ends with 2. */
class UsageError extends Error {}

/** Scores it and prints what was done as one line of JSON. */
async function main(folder: string, argv: readonly string[]): Promise<void> {
  const { input, asked } = argumentsOf(argv)
  const { model, version, tree, inputs, backend } = readAlone(folder)
  const figures = await batchTable(asked, {
    version: async () => ({ model, version, tree }),
    input: async () => {
      const format = formatOf('INPUT', input)
      const found = await findInput(input, asked.folder)
      return { found, source: await openSource(found.path, format) }
    },
    ready: async () => ({ version, inputs, backend }),
    // the container is what confines it
    plan: async () => null,
    progress: () => undefined,
  })
  process.stdout.write(`${JSON.stringify({ output: asked.output, ...figures })}\n`)
}

function argumentsOf(argv: readonly string[]): { input: string; asked: ReturnType<typeof tableBatch> } {
  const { values, positionals } = parsed(argv)
  const [input, output, ...more] = positionals
  if (input === undefined || output === undefined || more.length > 0) throw new UsageError(USAGE)
  const chunk = Number(values.chunk ?? 10_000)
  if (!Number.isInteger(chunk) || chunk < 1 || chunk > MOST_ROWS)
    throw new UsageError(`--chunk is "${values.chunk}"; expected a whole number from 1 to ${MOST_ROWS}`)
  const { work, restart = false } = values
  const onError = values['on-error']
  return { input, asked: tableBatch({ output, chunk, work, onError, restart }) }
}

function parsed(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        chunk: { type: 'string' },
        'on-error': { type: 'string' },
        work: { type: 'string' },
        restart: { type: 'boolean' },
      },
    })
  } catch (error) {
    throw new UsageError(`${(error as Error).message.split('. ')[0]}; ${USAGE}`)
  }
}

const [, , folder = '.', ...argv] = process.argv
main(resolve(folder), argv).catch((error: unknown) => {
  process.stderr.write(`slipway: ${error instanceof Error ? error.message : String(error)}\n`)
  const isUsage = error instanceof UsageError || (error instanceof Problem && error.code === 'invalid_field')
  process.exit(isUsage ? 2 : 1)
})

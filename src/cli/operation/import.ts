/** `slipway import`: brings in a bundle, or the runs, models and traces of an MLflow server. */
import { importBundle } from '../../transfer/import-bundle.ts'
import { mlflowDatabase } from '../../transfer/mlflow/database.ts'
import { mlflowServer } from '../../transfer/server/source.ts'
import { sendSource } from '../../transfer/send.ts'
import type { Report, SendOptions } from '../../transfer/send.ts'
import { wandbFolder } from '../../transfer/wandb/folder.ts'
import { text, UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { config } from '../invocation/config.ts'
import { connect } from '../invocation/server.ts'
import type { Connection } from '../invocation/server.ts'

const USAGE = 'import FILE | mlflow DATABASE or URL | wandb FOLDER'

export async function run(invocation: Invocation): Promise<number> {
  const [first, source] = invocation.args
  if (first === undefined) throw new UsageError(`import needs a source: slipway ${USAGE}`)
  const { client } = await connect(invocation)
  const options: SendOptions = {
    dryRun: invocation.flags['dry-run'] === true,
    progress: (line) => invocation.out.progress(line),
  }
  if (first === 'wandb') return told(invocation, await fromWandb(invocation, client, options))
  if (first !== 'mlflow') return told(invocation, await importBundle(client, first, options))
  if (source !== undefined && /^https?:/.test(source)) {
    const server = await mlflowServer(source, {
      token: config('SLIPWAY_IMPORT_TOKEN'),
      user: config('SLIPWAY_IMPORT_USER'),
      password: config('SLIPWAY_IMPORT_PASSWORD'),
    })
    return told(invocation, await sendSource(client, server, options))
  }
  if (source === undefined || !/^(sqlite|postgres(ql)?(\+\w+)?):/.test(source)) {
    throw new UsageError(`import mlflow needs the address of a server or a database: slipway ${USAGE}`)
  }
  return told(invocation, await fromDatabase(client, source, text(invocation, 'artifacts'), options))
}

async function fromWandb(invocation: Invocation, client: Connection['client'], options: SendOptions): Promise<Report> {
  const [, folder] = invocation.args
  if (folder === undefined) throw new UsageError(`import wandb needs a folder: slipway ${USAGE}`)
  const source = await wandbFolder(client, folder, { follow: invocation.flags['follow'] === true })
  return sendSource(client, source, options)
}

async function fromDatabase(
  client: Connection['client'],
  address: string,
  artifacts: string | undefined,
  options: SendOptions,
): Promise<Report> {
  const database = await mlflowDatabase(address, artifacts)
  try {
    return await sendSource(client, database, options)
  } finally {
    await database.close()
  }
}

function told({ out }: Invocation, report: Report): number {
  out.data(report)
  for (const [table, { added, same, changed }] of Object.entries(report.tables)) {
    const caughtUp = changed === 0 ? '' : `${String(changed).padStart(10)} changed`
    out.line(`${table.padEnd(32)}${String(added).padStart(10)} new${String(same).padStart(10)} already here${caughtUp}`)
  }
  for (const note of report.notes) out.line(`! ${note}`)
  const what = report.dry_run ? 'Checked' : 'Brought in'
  out.line(
    `${what}: ${report.parts} parts (${report.parts_before} from before), ${report.files} files, ${report.bytes} bytes`,
  )
  return 0
}

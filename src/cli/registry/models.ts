/** `slipway models`: models and versions; `models at TIME`: what each alias named then; approvals, scans, signatures, policies. */
import type { Client } from '../../client/client.ts'
import { registryApi } from '../../contract/registry.ts'
import { UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { connect } from '../invocation/server.ts'
import { approve, gates, policy, scan, versionOf } from './models-govern.ts'
import { sign, verify } from './models-sign.ts'

type Act = (client: Client, invocation: Invocation, of: { name: string; version: string }) => Promise<number>

/** What is done with one version. */
const ACTS: Readonly<Record<string, Act>> = { approve, scan, sign, verify }

export async function run(invocation: Invocation): Promise<number> {
  const { client } = await connect(invocation)
  const [first, second] = invocation.args
  if (first === undefined) return list(client, invocation)
  if (first === 'at') return at(client, invocation, second)
  if (first === 'policy') return policy(client, invocation, second)
  if (first === 'gates') return gates(client, invocation, second)
  const act = ACTS[first]
  if (act !== undefined) return act(client, invocation, versionOf(first, second))
  return second === undefined
    ? versions(client, invocation, first)
    : version(client, invocation, { name: first, version: second })
}

async function list(client: Client, invocation: Invocation): Promise<number> {
  const { items } = await client.call(registryApi.listModels, { query: { limit: 200 } })
  invocation.out.data(items)
  invocation.out.table(
    ['model', 'versions', 'aliases'],
    items.map((model) => [model.name, String(model.versions), aliases(model.aliases)]),
  )
  return 0
}

function aliases(of: Record<string, string>): string {
  return Object.entries(of)
    .map(([alias, version]) => `${alias}=${version}`)
    .join(' ')
}

async function at(client: Client, invocation: Invocation, time: string | undefined): Promise<number> {
  if (time === undefined) throw new UsageError('models at needs a time: slipway models at 2026-05-03T10:00Z')
  const ms = Date.parse(time)
  if (Number.isNaN(ms)) throw new UsageError(`"${time}" is not a time; expected for example 2026-05-03T10:00Z`)
  const { items } = await client.call(registryApi.modelsAt, { query: { time: new Date(ms).toISOString() } })
  invocation.out.data(items)
  invocation.out.table(
    ['model', 'alias', 'version', 'since', 'moved by', 'judged', 'reason'],
    items.map((one) => [one.model, one.alias, one.version, one.since, one.moved_by, judged(one), one.reason]),
  )
  return 0
}

/** Where the gates were asked: here, elsewhere before it was brought in, or nowhere. */
function judged({ verdict_id, imported_at }: { verdict_id: string | null; imported_at: string | null }): string {
  if (imported_at === null) return verdict_id === null ? 'no gates' : 'here'
  return verdict_id === null ? 'no, brought in' : 'elsewhere, brought in'
}

async function versions(client: Client, invocation: Invocation, name: string): Promise<number> {
  const { items } = await client.call(registryApi.listVersions, { params: { name }, query: { limit: 100 } })
  invocation.out.data(items)
  invocation.out.table(
    ['version', 'aliases', 'gates', 'answers', 'created', 'by'],
    items.map((one) => [
      one.version,
      one.aliases.join(' '),
      one.verdict === null ? 'none' : one.verdict.passed ? 'passed' : 'refused',
      one.lowering.state,
      one.created_at,
      one.created_by,
    ]),
  )
  return 0
}

async function version(
  client: Client,
  invocation: Invocation,
  params: { name: string; version: string },
): Promise<number> {
  const found = await client.call(registryApi.getVersion, { params })
  invocation.out.data(found)
  invocation.out.line(`${found.model} version ${found.version}, aliases: ${found.aliases.join(', ') || 'none'}`)
  const files = found.scan === null ? 'not scanned' : found.scan.verdict
  const signed =
    found.signed === null
      ? 'not signed'
      : `signed by ${found.signed.key.slice(0, 16)}…, ${found.signed.trusted ? 'a key' : 'no key'} of the policy`
  invocation.out.line(`files: ${files}, ${signed}`)
  for (const one of found.approvals)
    invocation.out.line(`approved by ${one.by} (${one.role}) at ${one.at} ${one.comment}`)
  for (const one of found.overridden)
    invocation.out.line(`${one.variant} on ${one.endpoint}, gates overridden by ${one.by} at ${one.at}: ${one.reason}`)
  for (const one of found.not_granted ?? []) invocation.out.line(`not taken over: ${one}`)
  if (found.refusal !== null) invocation.out.line(`may not answer: ${found.refusal}`)
  const { reason, onnx } = found.lowering
  invocation.out.line(`answers: ${found.lowering.state}${reason === null ? '' : ` (${reason})`}`)
  if (onnx !== null)
    invocation.out.line(
      `graph: ${onnx.origin}, ${onnx.bytes} bytes, ${onnx.digest.slice(0, 23)}, ${onnx.deviation.toExponential(1)} from Python at most`,
    )
  invocation.out.table(
    ['gate', 'outcome', 'value', 'threshold', 'why'],
    (found.verdict?.gates ?? []).map((gate) => [
      gate.slice === null ? gate.name : `${gate.name} [${gate.slice}]`,
      gate.outcome,
      gate.value?.toPrecision(5) ?? '',
      gate.threshold?.toPrecision(5) ?? '',
      gate.reason,
    ]),
  )
  return 0
}

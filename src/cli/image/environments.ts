/** `slipway image environments`: where images stand, which stands there of a model, and what stood there before. */
import { readUserText } from '../../contract/absence/user-file.ts'
import type { Client } from '../../client/client.ts'
import { imagesApi } from '../../contract/images/images.ts'
import { keyHint } from '../../registry/attestation/bundle.ts'
import { text, UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { connect } from '../invocation/server.ts'

export async function environments(invocation: Invocation): Promise<number> {
  const [, first, name] = invocation.args
  const { client } = await connect(invocation)
  if (first === undefined) return list(client, invocation)
  if (first !== 'set' && first !== 'remove') return standings(client, invocation, first)
  if (name === undefined)
    throw new UsageError(`image environments ${first} needs a name: slipway image environments ${first} staging`)
  if (first === 'set') return set(client, invocation, name)
  await client.call(imagesApi.deleteEnvironment, { params: { name } })
  invocation.out.data({ removed: name })
  invocation.out.line(`the environment "${name}" is removed`)
  return 0
}

async function list(client: Client, { out }: Invocation): Promise<number> {
  const { items, faults } = await client.call(imagesApi.listEnvironments)
  out.data(items.map((one) => ({ ...one, faults: faults.filter(({ environment }) => environment === one.name) })))
  out.table(
    ['environment', 'after', 'repository', 'keys', 'gates'],
    items.map((one) => [
      one.name,
      one.after ?? '',
      one.repository,
      one.keys.map((pem) => `${keyHint(pem).slice(0, 16)}…`).join(' ') || 'the policy',
      one.gated ? 'asked' : 'not asked',
    ]),
  )
  for (const { environment, model, version, ...fault } of faults)
    out.line(`${environment}: ${model}/${version} ${standsText(fault)}`)
  return 0
}

/** How something stands that would be refused now. */
function standsText({ refusal, revoked }: { refusal: string; revoked: boolean }): string {
  return revoked ? `stands, signed by a revoked key: ${refusal}` : `stands, would be refused now: ${refusal}`
}

async function set(client: Client, invocation: Invocation, name: string): Promise<number> {
  const repository = text(invocation, 'repository')
  if (repository === undefined)
    throw new UsageError('image environments set needs a repository: --repository registry.example.org/staging/{model}')
  const key = text(invocation, 'key')
  const made = await client.call(imagesApi.putEnvironment, {
    params: { name },
    body: {
      after: text(invocation, 'after') ?? null,
      repository,
      keys: key === undefined ? [] : [await readUserText(key, { pipes: true })],
      gated: invocation.flags['ungated'] !== true,
    },
  })
  invocation.out.data(made)
  invocation.out.line(`${name}${made.after === null ? '' : ` after ${made.after}`}: ${made.repository}`)
  return 0
}

async function standings(client: Client, { out }: Invocation, model: string): Promise<number> {
  const found = await client.call(imagesApi.standings, { params: { name: model } })
  out.data(found)
  out.table(
    ['environment', 'version', 'image', 'since', 'by', 'note'],
    found.items.map(({ environment, standing, refusal, revoked }) => [
      environment,
      standing?.version ?? '',
      standing?.digest ?? 'nothing',
      standing?.at ?? '',
      standing?.actor ?? '',
      refusal === null ? '' : standsText({ refusal, revoked }),
    ]),
  )
  if (found.history.length === 0) return 0
  out.line('')
  out.table(
    ['when', 'environment', 'version', 'image', 'before', 'by', 'why'],
    found.history.map((one) => [
      one.at,
      one.environment,
      one.version,
      one.digest.slice(0, 19),
      one.from?.slice(0, 19) ?? '',
      one.actor,
      [one.returned ? 'returned' : '', one.refusal === null ? '' : `overridden: ${one.refusal}`, one.reason]
        .filter((part) => part !== '')
        .join(', '),
    ]),
  )
  return 0
}

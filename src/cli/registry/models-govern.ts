/** `slipway models approve|scan|policy|gates`: what a version needs besides its metrics. */
import { readUserText } from '../../contract/absence/user-file.ts'
import { parse, stringify } from 'yaml'
import type { Client } from '../../client/client.ts'
import { registryApi } from '../../contract/registry.ts'
import type { Policy } from '../../contract/registry.ts'
import { text, UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'

interface VersionRef {
  readonly name: string
  readonly version: string
}

/** Reads MODEL/VERSION. Throws UsageError. */
export function versionOf(act: string, given: string | undefined): VersionRef {
  const [, name, version] = /^(.+)\/(\d+)$/.exec(given ?? '') ?? []
  if (name === undefined || version === undefined)
    throw new UsageError(`models ${act} needs a version: slipway models ${act} flight-delay/3`)
  return { name, version }
}

/** Approves a version and says what its gates say now. */
export async function approve(client: Client, invocation: Invocation, params: VersionRef): Promise<number> {
  const comment = text(invocation, 'reason') ?? ''
  const version = await client.call(registryApi.approve, { params, body: { comment } })
  invocation.out.data(version)
  const open = (version.verdict?.gates ?? []).filter((gate) => gate.outcome !== 'passed')
  invocation.out.line(
    `${params.name}/${params.version} is approved by ${version.approvals.map((one) => one.by).join(', ')}`,
  )
  for (const gate of open) invocation.out.line(`${gate.outcome}: ${gate.name}: ${gate.reason}`)
  return 0
}

/** Shows what the scan of a version found; 1 unless it is clean. */
export async function scan(client: Client, invocation: Invocation, params: VersionRef): Promise<number> {
  const { scan } = await client.call(registryApi.getVersion, { params })
  invocation.out.data(scan)
  if (scan === null) {
    invocation.out.line(`${params.name}/${params.version} is not scanned: it was just made, or its files are elsewhere`)
    return 1
  }
  invocation.out.line(`${params.name}/${params.version}: ${scan.verdict}, ${scan.files} files, ${scan.bytes} bytes`)
  invocation.out.table(
    ['level', 'file', 'byte', 'what', 'why'],
    scan.findings.map((one) => [one.level, one.file, String(one.offset), one.what, one.reason]),
  )
  return scan.verdict === 'clean' ? 0 : 1
}

/** Shows the policy of a model, or sets it from a file. */
export async function policy(client: Client, invocation: Invocation, name: string | undefined): Promise<number> {
  if (name === undefined) throw new UsageError('models policy needs a model: slipway models policy flight-delay')
  const file = text(invocation, 'set')
  const found =
    file === undefined
      ? await client.call(registryApi.getPolicy, { params: { name } })
      : await client.call(registryApi.putPolicy, {
          params: { name },
          body: { ...(parse(await readUserText(file, { pipes: true })) as object), ...reasonOf(invocation) },
        })
  invocation.out.data(found)
  const { gates, project_gates, require_signature, require_image_signature, keys, revoked } = found
  const shown = { gates, project_gates, require_signature, require_image_signature, keys, revoked }
  invocation.out.line(stringify(shown).trimEnd())
  return 0
}

function reasonOf(invocation: Invocation): { reason?: string } {
  const reason = text(invocation, 'reason')
  return reason === undefined ? {} : { reason }
}

/** Shows the gates of the project file and weaker ones that wait, or accepts those. */
export async function gates(client: Client, invocation: Invocation, name: string | undefined): Promise<number> {
  if (name === undefined) throw new UsageError('models gates needs a model: slipway models gates flight-delay')
  const params = { name }
  const known = await client.call(registryApi.getPolicy, { params })
  if (invocation.flags['accept'] === true) {
    if (known.asked === null) throw new UsageError(`no version of "${name}" asks for weaker gates`)
    const body = { gates: known.asked.gates, reason: text(invocation, 'reason') ?? '' }
    return showGates(invocation, await client.call(registryApi.putGates, { params, body }))
  }
  return showGates(invocation, known)
}

function showGates({ out }: Invocation, { model, project_gates, asked }: Policy): number {
  out.data({ gates: project_gates, asked })
  out.line(stringify({ gates: project_gates }).trimEnd())
  if (asked === null) return 0
  out.line(`Version ${asked.version}, by ${asked.by} at ${asked.at}, asks for weaker gates:`)
  for (const one of asked.weaker) out.line(`  ${one}`)
  out.line(`An admin accepts them with: slipway models gates ${model} --accept --reason TEXT`)
  return 0
}
